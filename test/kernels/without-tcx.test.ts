/** What the agent does on a kernel that cannot attach its programs. */

import test from 'ava';
import { runAgent } from '../e2e/agent.ts';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';

const CONFIG = `
receivers: {ebpf_network: {}}
exporters: {debug: {}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ebpf_network], exporters: [debug]}
`;

test.after.always(removeNetworkNamespaces);

test('the agent says that tcx is missing and which kernel has it, and ends', async (t) => {
  const [, { namespace }] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  const { code, stderr } = await runAgent(namespace, CONFIG).ended;
  t.is(code, 1);
  t.regex(stderr, /eth0.*attaching with tcx needs Linux 6\.6 or later.*\[kernel\/unsupported\]/s);
});
