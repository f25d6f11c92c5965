import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { placeFromMetadata, reasonOf } from './metadata.ts';

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

async function serve(t: ExecutionContext, handler: Handler): Promise<string> {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const aws: Handler = (request, response) => {
  const { method, url, headers } = request;
  if (url === '/latest/api/token') {
    const isRight = method === 'PUT' && Number(headers['x-aws-ec2-metadata-token-ttl-seconds']) > 0;
    response.writeHead(isRight ? 200 : 400).end(isRight ? 'secret' : '');
    return;
  }
  if (headers['x-aws-ec2-metadata-token'] !== 'secret') response.writeHead(401).end();
  else if (url === '/latest/meta-data/placement/availability-zone') response.end('eu-west-1b');
  else if (url === '/latest/meta-data/placement/region') response.end('eu-west-1');
  else response.writeHead(404).end();
};

const gcp: Handler = ({ url, headers }, response) => {
  if (headers['metadata-flavor'] !== 'Google') response.writeHead(403).end();
  else if (url !== '/computeMetadata/v1/instance/zone') response.writeHead(404).end();
  else response.writeHead(200, { 'Metadata-Flavor': 'Google' }).end('projects/123456/zones/us-central1-f');
};

const azureWith =
  (compute: object): Handler =>
  ({ url, headers }, response) => {
    const { pathname, searchParams } = new URL(url!, 'http://host');
    if (headers.metadata !== 'true' || !/^\d{4}-\d\d-\d\d$/.test(searchParams.get('api-version') ?? '')) {
      response.writeHead(400).end();
    } else if (pathname !== '/metadata/instance/compute') response.writeHead(404).end();
    else response.end(JSON.stringify(compute));
  };

const nowhere = 'http://127.0.0.1:1';
const reason = async (place: Promise<unknown>) => reasonOf(await place.catch((error: unknown) => error));

test('AWS: with a session token, zone and region', async (t) => {
  const server = await serve(t, aws);
  const servers = { aws: server, gcp: nowhere, azure: nowhere };
  t.deepEqual(await placeFromMetadata('aws', servers), { zone: 'eu-west-1b', region: 'eu-west-1' });
});

test('Google Cloud: the zone from the end of its path, the region from the zone', async (t) => {
  const server = await serve(t, gcp);
  const servers = { aws: nowhere, gcp: server, azure: nowhere };
  t.deepEqual(await placeFromMetadata('gcp', servers), { zone: 'us-central1-f', region: 'us-central1' });
});

test('Azure: the zone as the labels of nodes have it, and a machine outside of zones has a region alone', async (t) => {
  const servers = {
    aws: nowhere,
    gcp: nowhere,
    azure: await serve(t, azureWith({ location: 'westeurope', zone: '2' })),
  };
  t.deepEqual(await placeFromMetadata('azure', servers), { zone: 'westeurope-2', region: 'westeurope' });
  const without = { ...servers, azure: await serve(t, azureWith({ location: 'westus', zone: '' })) };
  t.deepEqual(await placeFromMetadata('azure', without), { region: 'westus' });
});

test('auto: the first that answers in a fixed order, wherever the others are slow or answer something else', async (t) => {
  const servers = { aws: await serve(t, aws), gcp: await serve(t, gcp), azure: nowhere };
  t.deepEqual(await placeFromMetadata('auto', servers), { zone: 'eu-west-1b', region: 'eu-west-1' });
  // One address for all three, as in a cloud, and a server that never answers.
  const google = await serve(t, gcp);
  const silent = await serve(t, () => undefined);
  t.is((await placeFromMetadata('auto', { aws: google, gcp: google, azure: google })).zone, 'us-central1-f');
  t.is((await placeFromMetadata('auto', { aws: silent, gcp: google, azure: silent })).zone, 'us-central1-f');
});

test('a page instead of a zone, another cloud, an error and silence are refused with the reason', async (t) => {
  const page = await serve(t, (_, response) => void response.end('<html>Please sign in</html>'));
  const failing = await serve(t, (_, response) => void response.writeHead(500).end());
  const silent = await serve(t, () => undefined);
  const moved = await serve(t, (_, response) => void response.writeHead(302, { location: page }).end());
  const at = (server: string) => ({ aws: server, gcp: server, azure: server });
  t.regex(await reason(placeFromMetadata('aws', at(page))), /not a zone: "<html>/);
  t.is(await reason(placeFromMetadata('gcp', at(page))), 'the answer is not from this cloud');
  t.regex(await reason(placeFromMetadata('azure', at(page))), /JSON/);
  t.is(await reason(placeFromMetadata('aws', at(failing))), 'status 500');
  t.regex(await reason(placeFromMetadata('gcp', at(silent))), /timeout/);
  t.regex(await reason(placeFromMetadata('gcp', at(moved))), /redirect/);
  t.regex(await reason(placeFromMetadata('auto', at(failing))), /aws: status 500; gcp: status 500; azure: status 500/);
  t.regex(await reason(placeFromMetadata('azure', at(nowhere))), /ECONNREFUSED|bad port/);
});
