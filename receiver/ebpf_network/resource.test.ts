import { hostname } from 'node:os';
import test from 'ava';
import { createLogger } from '../../core/telemetry/log.ts';
import { fullHostName } from './host-name.ts';
import { agentResource, type ResourceConfig, type ResourceSources, resourceSources } from './resource.ts';

const log: string[] = [];
const logger = createLogger({ write: (line) => log.push(line) });

const defaults: ResourceConfig = { instance_id: { dns: true, override_hostname: '' }, resource_attributes: new Map() };

function attributes(sources: Partial<ResourceSources> = {}, config: Partial<ResourceConfig> = {}) {
  const all = { environment: {}, hostName: 'web-1', machineId: 'f00d', receiverId: 'ebpf_network', ...sources };
  return agentResource({ ...defaults, ...config }, all, logger).attributes;
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

test('the configuration adds, overrides and leaves out, and wins over the environment', (t) => {
  const environment = { OTEL_RESOURCE_ATTRIBUTES: 'team=a,rack=r1', OTEL_SERVICE_NAME: 'flows' };
  const resource_attributes = new Map<string, string | number | { enabled: boolean }>([
    ['team', 'b'],
    ['service.name', 'edge'],
    ['shelf', 3],
    ['host.id', { enabled: false }],
    ['host.name', { enabled: true }],
  ]);
  const { 'service.instance.id': _, ...all } = attributes({ environment }, { resource_attributes });
  t.deepEqual(all, { 'service.name': 'edge', 'host.name': 'web-1', team: 'b', rack: 'r1', shelf: 3 });
});

test('a host name that is given is sent, and makes an instance of its own', (t) => {
  const instance_id = { dns: true, override_hostname: 'edge-7' };
  const all = attributes({}, { instance_id });
  t.is(all['host.name'], 'edge-7');
  t.is(all['host.id'], 'f00d');
  t.not(all['service.instance.id'], attributes()['service.instance.id']);
  t.is(all['service.instance.id'], attributes({ machineId: 'beef' }, { instance_id })['service.instance.id']);
});

test('the domain of the host name comes from the hosts file, else from the DNS, and never from another host', async (t) => {
  let asked = 0;
  const name = (hostName: string, hosts: string, pointer?: string) =>
    fullHostName({
      hostName,
      hosts,
      pointer: async () => {
        asked++;
        return pointer;
      },
    });
  const hosts = '127.0.0.1 localhost\n# 10.0.0.1 web-1.wrong web-1\n127.0.1.1\tweb-1.example.com web-1 # this host\n';
  t.is(await name('web-1', hosts, 'web-1.other'), 'web-1.example.com');
  t.is(await name('web-1.here', hosts), 'web-1.here');
  t.is(asked, 0);
  t.is(await name('web-2', hosts, 'WEB-2.example.org'), 'WEB-2.example.org');
  t.is(await name('web-2', hosts, 'ip-10-0-0-1.example.org'), 'web-2');
  t.is(await name('web-2', hosts), 'web-2');
});

test('reads the host, and asks nobody where the domain is not wanted', async (t) => {
  const config = { ...defaults, instance_id: { dns: false, override_hostname: '' } };
  const sources = await resourceSources(config, 'ebpf_network', '192.0.2.1');
  t.is(sources.hostName, hostname());
  t.not(sources.machineId, '');
  const full = await resourceSources(defaults, 'ebpf_network', undefined);
  t.true(full.hostName.startsWith(hostname()));
});
