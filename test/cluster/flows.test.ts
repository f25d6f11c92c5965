/** Flows named by a real API server: everything that test/e2e has with a small one. */

import { testNamedFlows } from '../support/named-flows-cases.ts';
import { openRealApi } from './api-server.ts';

testNamedFlows(openRealApi);
