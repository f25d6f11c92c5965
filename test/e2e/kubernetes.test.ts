/** Flows named by a small server that speaks list and watch; test/cluster has the same with a real one. */

import { testNamedFlows } from '../support/named-flows-cases.ts';
import { openSmallApi } from '../support/test-cluster.ts';

testNamedFlows(openSmallApi);
