/** The `endpoint` of a gRPC client: `host:port`, `http://`, `https://`, `dns:///host:port`, `unix:///path`. */

export interface GrpcEndpoint {
  /** As grpc-js takes it. */
  readonly target: string;
  /** `https://` turns TLS on even where `tls.insecure` is set; `http://` does not turn it off. */
  readonly scheme: 'http' | 'https' | undefined;
}

const DNS_PREFIX = /^dns:\/\/[^/]*\//;

/** Reads an endpoint; a string is what is wrong with it, in upstream's words. */
export function parseEndpoint(endpoint: string): GrpcEndpoint | string {
  const [, scheme, rest] = /^(https?):\/\/(.*)$/.exec(endpoint) ?? [undefined, undefined, endpoint];
  const address = rest ?? '';
  if (address === '') return 'requires a non-empty "endpoint"';
  if (address.startsWith('unix:')) {
    const path = address.replace(/^unix:(\/\/)?/, '');
    if (path === '') return 'unix socket path cannot be empty';
    return { target: address, scheme: scheme as GrpcEndpoint['scheme'] };
  }
  const problem = addressProblem(address.replace(DNS_PREFIX, ''));
  return problem ?? { target: address, scheme: scheme as GrpcEndpoint['scheme'] };
}

function addressProblem(address: string): string | undefined {
  const bracketed = /^\[[^\]]*\](.*)$/.exec(address);
  const [host = '', ...ports] = bracketed ? ['[]', ...(bracketed[1] ?? '').split(':').slice(1)] : address.split(':');
  if (ports.length === 0) return `address ${address}: missing port in address`;
  if (ports.length > 1) return `address ${address}: too many colons in address`;
  const port = ports[0] ?? '';
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535) return `invalid port "${port}"`;
  return host === '' ? `address ${address}: missing host in address` : undefined;
}
