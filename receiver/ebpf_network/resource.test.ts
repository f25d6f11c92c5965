import test from 'ava';
import { createLogger } from '../../core/telemetry/log.ts';
import { agentResource, type ResourceSources, resourceSources } from './resource.ts';

const log: string[] = [];
const logger = createLogger({ write: (line) => log.push(line) });

function attributes(sources: Partial<ResourceSources> = {}) {
  const all = { environment: {}, hostName: 'web-1', machineId: 'f00d', receiverId: 'ebpf_network', ...sources };
  return agentResource(all, logger).attributes;
}

test('names the service, the host and the instance', (t) => {
  const { 'service.instance.id': instance, ...rest } = attributes();
  t.deepEqual(rest, { 'service.name': 'weir', 'host.id': 'f00d', 'host.name': 'web-1' });
  t.regex(String(instance), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('the instance stays the same over restarts, and differs by host and by receiver', (t) => {
  const id = (sources: Partial<ResourceSources>) => attributes(sources)['service.instance.id'];
  t.is(id({}), id({}));
  t.is(id({}), id({ hostName: 'renamed' }));
  t.not(id({}), id({ machineId: 'beef' }));
  t.not(id({}), id({ receiverId: 'ebpf_network/two' }));
});

test('a host without a machine id goes by its name', (t) => {
  t.is(attributes({ machineId: undefined })['host.id'], 'web-1');
});

test('the node name comes from NODE_NAME', (t) => {
  t.is(attributes({ environment: { NODE_NAME: 'worker-3' } })['k8s.node.name'], 'worker-3');
});

test('OTEL_RESOURCE_ATTRIBUTES adds and overrides, OTEL_SERVICE_NAME wins', (t) => {
  const environment = {
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod, team=net%2Fops,host.name=a,service.name=x',
    OTEL_SERVICE_NAME: 'flows',
  };
  const all = attributes({ environment });
  t.is(all['deployment.environment.name'], 'prod');
  t.is(all.team, 'net/ops');
  t.is(all['host.name'], 'a');
  t.is(all['service.name'], 'flows');
});

test('a list that is wrong is left out as a whole, with a warning', (t) => {
  for (const list of ['team', 'a=1,b=%zz']) {
    log.length = 0;
    t.deepEqual(attributes({ environment: { OTEL_RESOURCE_ATTRIBUTES: list } }), attributes());
    t.regex(log[0] ?? '', /warn\tOTEL_RESOURCE_ATTRIBUTES is left out/);
  }
});

test('reads the host', async (t) => {
  const sources = await resourceSources('ebpf_network');
  t.true(sources.hostName.length > 0);
  t.not(sources.machineId, '');
});
