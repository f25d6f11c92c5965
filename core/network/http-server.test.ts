import test from 'ava';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { createHttpServer } from './http-server.ts';

const tls = {
  cert_file: '',
  cert_pem: '',
  key_file: '',
  key_pem: '',
  client_ca_file: '',
  min_version: '1.2',
  max_version: '',
  reload_interval: 0,
};

test('an answer that fails costs its own request, and the server goes on', async (t) => {
  const host = createRecordingHost('pages');
  const server = createHttpServer({
    host,
    tls,
    address: { host: '127.0.0.1', port: 0 },
    what: 'pages',
    path: 'extensions::pages::endpoint',
    example: 'localhost:80',
    answer(request, response) {
      if (request.url === '/bad') throw new TypeError('no such page');
      response.end('fine');
    },
  });
  const port = await server.start();
  t.teardown(server.stop);
  await t.throwsAsync(fetch(`http://127.0.0.1:${port}/bad`));
  t.is(await (await fetch(`http://127.0.0.1:${port}/good`)).text(), 'fine');
  t.deepEqual(
    host.log.map(({ message }) => message),
    ['A request for pages failed.'],
  );
});
