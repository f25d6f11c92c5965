/**
 * Makes a checkout ready to run: installs what is missing, builds what is older than its sources, and prints the path of
 * the project's own Node on standard output. Progress goes to standard error, one line a step; with nothing to do it is
 * silent. Plain JavaScript without packages, because it must run on Node 20 before any package is there.
 *
 *   node scripts/setup.mjs            what `npm start` needs
 *   node scripts/setup.mjs --test     what tests, checks and benchmarks need as well
 *   node scripts/setup.mjs --kernels  what `npm run test:kernels` needs on top of that
 */

// long: one file of plain JavaScript, for it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 20;
const MEGABYTE = 1024 * 1024;
const root = fileURLToPath(new URL('..', import.meta.url));
const projectNode = join(root, `node_modules/node-linux-${process.arch}/bin/node`);

/** Debian packages and the file that shows that each is there: a command, or a path. */
const RUN_PACKAGES = {
  clang: 'clang',
  llvm: 'llvm-strip',
  'libbpf-dev': '/usr/include/bpf/bpf_helpers.h',
  make: 'make',
  'g++': 'g++',
  python3: 'python3',
};
const TEST_PACKAGES = {
  iproute2: 'ip',
  ethtool: 'ethtool',
  bpftool: 'bpftool',
  'iputils-ping': 'ping',
  // A node module has a command of that name, too.
  nftables: '/usr/sbin/nft',
  'clang-format': 'clang-format',
};
/**
 * Programs of packages that are not installed, only unpacked below build/debian: installing `prometheus` would set up
 * and start a service. test/support/prometheus.ts runs them from there.
 */
const UNPACKED_TEST_PACKAGES = { prometheus: ['prometheus', 'promtool'] };
const KERNEL_PACKAGES = {
  'qemu-system-x86': 'qemu-system-x86_64',
  'busybox-static': 'busybox',
  cpio: 'cpio',
  kmod: 'depmod',
  'wireguard-tools': 'wg',
  ppp: 'pppd',
  'xz-utils': 'xz',
};

/** What is compiled: an output is stale when one of its sources, or the script that builds it, is newer. */
const RUN_BUILDS = [
  ...bpfBuilds('bpf'),
  {
    name: 'the native addon',
    output: 'build/Release/weir.node',
    sources: ['binding.gyp', 'bpf/flow.h', ...filesIn('native', /\.(cc|h)$/)],
    script: 'scripts/build-native.sh',
    arguments: ['.'],
  },
];
const TEST_BUILDS = [
  ...bpfBuilds('bench/bpf'),
  ...bpfBuilds('test/bpf'),
  {
    name: 'the native test support',
    output: 'test/support/native/build/Release/test_support.node',
    sources: filesIn('test/support/native', /\.(cc|h|gyp)$/),
    script: 'scripts/build-native.sh',
    arguments: ['test/support/native'],
  },
  ...filesIn('bench/tools', /\.c$/).map((source) => ({
    name: source,
    output: source.replace(/^bench\/tools\/(.*)\.c$/, 'build/bench/$1'),
    sources: [source],
    script: 'scripts/build-tool.sh',
    arguments: [source],
  })),
];

main(process.argv.slice(2));

function main(wishes) {
  const forKernels = wishes.includes('--kernels');
  const forTests = forKernels || wishes.includes('--test');
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    fail(`Node ${process.versions.node} is too old: install Node ${OLDEST_NODE} or newer (https://nodejs.org).`);
  }
  installSystemPackages({
    ...RUN_PACKAGES,
    ...(forTests ? TEST_PACKAGES : {}),
    ...(forKernels ? KERNEL_PACKAGES : {}),
  });
  if (forTests) unpackPackages(UNPACKED_TEST_PACKAGES);
  installNodeModules();
  for (const build of forTests ? [...RUN_BUILDS, ...TEST_BUILDS] : RUN_BUILDS) {
    if (isStale(build)) compile(build);
  }
  process.stdout.write(`${projectNode}\n`);
}

function installSystemPackages(packages) {
  const missing = Object.keys(packages).filter((name) => !isPresent(packages[name]));
  if (missing.length === 0) return;
  const wish = `apt-get install ${missing.join(' ')}`;
  if (!isPresent('apt-get')) {
    fail(`These are missing, and there is no apt-get to install them: ${describe(packages, missing)}.`);
  }
  if (process.getuid() !== 0) fail(`Debian packages are missing. As root, run: ${wish}`);

  const install = ['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends', ...missing];
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // The lists of a fresh image are empty or old; they are fetched only when the installation needs them.
  const first = attempt(`installing ${missing.join(' ')}`, 'apt-get', install, environment);
  if (first.status !== 0) {
    run('updating the package lists', 'apt-get', ['update'], environment);
    run(`installing ${missing.join(' ')}`, 'apt-get', install, environment);
  }
  const absent = missing.filter((name) => !isPresent(packages[name]));
  if (absent.length > 0) fail(`Installed, but still not found: ${describe(packages, absent)}.`);
}

/** Needs no root, as long as apt's package lists are there. */
function unpackPackages(packages) {
  for (const [name, programs] of Object.entries(packages)) {
    const folder = join(root, 'build/debian', name);
    if (programs.every((program) => isExecutable(join(folder, 'usr/bin', program)))) continue;
    if (!isPresent('apt-get')) fail(`${programs.join(' and ')} are missing, and there is no apt-get to download them.`);
    const downloads = mkdtempSync(join(tmpdir(), 'weir-setup-'));
    try {
      // As for installed packages: the lists are fetched only when they are needed.
      if (attempt(`downloading ${name}`, 'apt-get', ['download', name], process.env, downloads).status !== 0) {
        if (process.getuid() !== 0) fail(`The package lists are old. As root, run: apt-get update`);
        run('updating the package lists', 'apt-get', ['update']);
        run(`downloading ${name}`, 'apt-get', ['download', name], process.env, downloads);
      }
      const [archive] = readdirSync(downloads);
      mkdirSync(folder, { recursive: true });
      run(`unpacking ${archive}`, 'dpkg', ['-x', join(downloads, archive), folder]);
    } finally {
      rmSync(downloads, { recursive: true, force: true });
    }
  }
}

function installNodeModules() {
  if (nodeModulesMatchLock()) return;
  // npm must not run on the Node that it is about to replace, so the path to the project's own is left out. Install
  // scripts are off: no dependency needs one, and npm would build binding.gyp on its own, with other headers.
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.endsWith('node_modules/.bin'));
  run(
    'installing node modules',
    'npm',
    ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--loglevel=error'],
    {
      ...process.env,
      PATH: path.join(delimiter),
    },
  );
  if (!existsSync(projectNode)) {
    fail(`There is no Node runtime for ${process.platform}-${process.arch}: Weir runs on linux-x64 and linux-arm64.`);
  }
}

/** npm notes what it installed in node_modules; an installation that was broken off leaves no note. */
function nodeModulesMatchLock() {
  const note = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(note) || !existsSync(projectNode)) return false;
  const installed = JSON.parse(readFileSync(note, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed[path];
    if (found === undefined) return entry.optional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

function bpfBuilds(folder) {
  const headers = [...filesIn('bpf', /\.(c|h)$/), ...filesIn('bench/bpf', /\.h$/), ...filesIn(folder, /\.h$/)];
  return filesIn(folder, /\.bpf\.c$/).map((source) => ({
    name: source,
    output: `build/bpf/${source.slice(folder.length + 1, -'.c'.length)}.o`,
    sources: [source, ...headers],
    script: 'scripts/build-bpf.sh',
    arguments: [source],
  }));
}

/** Paths below the root, in order; none when the folder does not exist. */
function filesIn(folder, pattern) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder))
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => `${folder}/${name}`);
}

function isStale({ output, sources, script }) {
  if (!existsSync(join(root, output))) return true;
  const builtMs = statSync(join(root, output)).mtimeMs;
  return [script, ...sources].some((source) => statSync(join(root, source)).mtimeMs > builtMs);
}

function compile({ name, output, script, arguments: scriptArguments }) {
  const startedAt = new Date();
  run(`building ${name}`, 'sh', [script, ...scriptArguments]);
  // make leaves an output alone that came out the same; its time must still say that it was looked at.
  utimesSync(join(root, output), startedAt, startedAt);
}

function isPresent(file) {
  if (file.startsWith('/')) return existsSync(file);
  // Without root, /usr/sbin is often not in the path, though what lies there is installed.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => isExecutable(join(folder, file)));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function describe(packages, names) {
  return names.map((name) => `${packages[name]} (Debian package ${name})`).join(', ');
}

function attempt(step, command, commandArguments, environment = process.env, folder = root) {
  process.stderr.write(`weir setup: ${step}\n`);
  return spawnSync(command, commandArguments, {
    cwd: folder,
    env: environment,
    encoding: 'utf8',
    maxBuffer: 64 * MEGABYTE,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** The output of a step is shown only when it failed. */
function run(step, command, commandArguments, environment, folder) {
  const result = attempt(step, command, commandArguments, environment, folder);
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  fail(`${step} failed: ${result.error?.message ?? `${command} ended with ${result.status ?? result.signal}`}`);
}

function fail(message) {
  process.stderr.write(`weir setup: ${message}\n`);
  process.exit(1);
}
