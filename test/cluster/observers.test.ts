/** Two nodes with an agent each, and a real API server. */

import { testObservers } from '../support/observer-cases.ts';
import { openRealApi } from './api-server.ts';

testObservers(openRealApi, 'default');
