/** A self-signed certificate for servers of tests, made by openssl. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** `names` as openssl takes them: `IP:127.0.0.1`, `DNS:sink.test`. */
export function createCertificate(...names: readonly string[]): Certificate {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-certificate-'));
  try {
    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const about = ['-subj', '/CN=weir test', '-addext', `subjectAltName=${names.join(',')}`];
    execFileSync('openssl', ['req', ...kind, ...about, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The files of a certificate in a folder of its own, and what writes another one into them. */
export function certificateFiles(t: ExecutionContext, first: Certificate) {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-certificate-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [certFile, keyFile] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
  const write = ({ cert, key }: Certificate) => {
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
  };
  write(first);
  return { certFile, keyFile, write };
}
