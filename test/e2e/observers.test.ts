/** Two nodes with an agent each, and a small server that speaks list and watch; test/cluster has a real one. */

import { testObservers } from '../support/observer-cases.ts';
import { openSmallApi } from '../support/test-cluster.ts';

testObservers(openSmallApi, 'all');
