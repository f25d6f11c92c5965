import test from 'ava';
import { createDialled } from './dialled.ts';
import { createTestFlows, valuesOf } from './testing.ts';

/** Services by `address port protocol`, and what was asked. */
function setUp(services: Record<string, string>) {
  const asked: string[] = [];
  const dialled = createDialled({
    serviceAt(endpoints, endpoint, port, protocol) {
      const key = `${endpoints.addresses.at(endpoint)} ${port} ${protocol}`;
      asked.push(key);
      const name = services[key];
      return name === undefined ? undefined : { name, namespace: 'shop' };
    },
  });
  return { asked, dialled, tables: createTestFlows() };
}

const request = { src: '10.0.0.1', dst: '10.0.0.2', dstPort: 8080 };

test('each address, port and protocol is asked for once, over all tables, until the answers are forgotten', (t) => {
  const { asked, dialled, tables } = setUp({ '10.0.0.2 8080 TCP': 'cart', '10.0.0.2 8080 UDP': 'logs' });
  const flows = [request, { ...request, srcPort: 41_000 }, { ...request, protocol: 17 }, { ...request, dstPort: 1 }];
  const names = () => valuesOf(dialled.add(tables(flows)), 'k8s.dst.service.name');
  t.deepEqual(names(), ['cart', 'cart', 'logs', undefined]);
  t.deepEqual(names(), ['cart', 'cart', 'logs', undefined]);
  t.deepEqual(asked, ['10.0.0.2 8080 TCP', '10.0.0.2 8080 UDP', '10.0.0.2 1 TCP']);
  dialled.forget();
  names();
  t.is(asked.length, 6);
});

test('nothing is asked where nobody reads the attributes', (t) => {
  const { asked, dialled, tables } = setUp({});
  dialled.add(tables([request]));
  t.deepEqual(asked, []);
});

test('many different ports are remembered one by one', (t) => {
  const { asked, dialled, tables } = setUp({ '10.0.0.2 777 TCP': 'cart' });
  const flows = Array.from({ length: 5000 }, (_, port) => ({ ...request, dstPort: port + 1 }));
  const names = () => valuesOf(dialled.add(tables(flows)), 'k8s.dst.service.name');
  for (let round = 0; round < 2; round++) {
    const found = names();
    t.is(found[776], 'cart');
    t.is(found.filter((name) => name !== undefined).length, 1);
  }
  t.is(asked.length, 5000);
});
