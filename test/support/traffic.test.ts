import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces, type VethEnd } from './network-namespace.ts';
import { type Exchange, icmpEchoes, tcpTransfer, udpDatagrams } from './traffic.ts';

const MEGABYTE = 1024 * 1024;
const families = ['ipv4', 'ipv6'] as const;

test.after.always(removeNetworkNamespaces);

function quietPair(offload: boolean): { client: VethEnd; server: VethEnd } {
  const options = { offload, quiet: true };
  const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), options);
  return { client, server };
}

/** What an interface sent while an action ran. */
async function sentDuring<Result>({ namespace, name }: VethEnd, action: () => Result): Promise<number[]> {
  const before = namespace.statistics(name);
  await action();
  const after = namespace.statistics(name);
  return [after.txPackets - before.txPackets, after.txBytes - before.txBytes];
}

for (const family of families) {
  test(`knows every byte of TCP over ${family}, both ways, as the interfaces count them`, async (t) => {
    const { client, server } = quietPair(false);
    let exchange: Exchange | undefined;
    const answered = sentDuring(server, async () => {
      const sent = await sentDuring(client, async () => {
        exchange = await tcpTransfer({ client, server, family, bytes: 5 * MEGABYTE });
      });
      t.deepEqual(sent, [exchange!.request.segments, exchange!.request.wireBytes]);
    });
    t.deepEqual(await answered, [exchange!.response.segments, exchange!.response.wireBytes]);
    t.true(exchange!.request.payloadBytes >= 5 * MEGABYTE);
  });

  test(`knows every datagram of UDP over ${family}`, async (t) => {
    const { client, server } = quietPair(false);
    let exchange: Exchange | undefined;
    const sent = await sentDuring(client, async () => {
      exchange = await udpDatagrams({ client, server, family, datagrams: 150, payloadBytes: 700 });
    });
    t.deepEqual(sent, [150, exchange!.request.wireBytes]);
    t.is(exchange!.request.payloadBytes, 150 * 700);
    t.deepEqual(exchange!.response, { segments: 0, payloadBytes: 0, wireBytes: 0 });
  });

  test(`knows every echo of ICMP over ${family}`, async (t) => {
    const { client, server } = quietPair(false);
    const sent = await sentDuring(client, () => icmpEchoes({ client, server, family, echoes: 20, payloadBytes: 56 }));
    const headers = family === 'ipv4' ? 42 : 62;
    t.deepEqual(sent, [20, 20 * (headers + 56)]);
  });
}

test('counts the segments of TCP where the interface sees larger packets', async (t) => {
  const { client, server } = quietPair(true);
  let exchange: Exchange | undefined;
  const [packets] = await sentDuring(client, async () => {
    exchange = await tcpTransfer({ client, server, family: 'ipv4', bytes: 20 * MEGABYTE });
  });
  t.true(exchange!.request.segments >= (20 * MEGABYTE) / 1448);
  t.true(packets! < exchange!.request.segments / 2);
});

test('a quiet pair carries nothing of its own', async (t) => {
  const { client, server } = quietPair(true);
  await udpDatagrams({ client, server, family: 'ipv6', datagrams: 1, payloadBytes: 8 });
  t.is(client.namespace.statistics(client.name).txPackets, 1);
  t.is(server.namespace.statistics(server.name).txPackets, 0);
});
