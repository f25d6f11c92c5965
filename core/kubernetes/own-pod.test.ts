import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { findOwnPod } from './own-pod.ts';

const uid = '0b6a5a3e-5c1f-4f5e-9d3a-2f1b6c7d8e9f';
/** Of a pod on a kubelet, as the kernel shows it inside. */
const mounts = `1023 987 0:52 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/containerd/1/fs
1041 1023 259:1 /var/lib/kubelet/pods/${uid}/etc-hosts /etc/hosts rw,relatime - ext4 /dev/root rw
`;

test('the own pod is told by the environment, else by what the kubelet mounts into every pod', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-mounts-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'mountinfo');
  writeFileSync(file, mounts);
  t.deepEqual(await findOwnPod({}, file), { uid, name: '', namespace: '' });
  t.is((await findOwnPod({ POD_UID: 'given' }, file)).uid, 'given');
  const named = { POD_NAME: 'weir-x', POD_NAMESPACE: 'monitoring' };
  t.like(await findOwnPod(named, file), { name: 'weir-x', namespace: 'monitoring' });
  t.deepEqual(await findOwnPod({}, path.join(folder, 'absent')), { uid: '', name: '', namespace: '' });
});
