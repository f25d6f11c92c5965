/** The permissions that the store needs, as YAML that an administrator can apply as it is. */

import { WeirError } from '../errors.ts';
import type { ResourceName } from './resource.ts';

export interface NeededResource {
  readonly name: ResourceName;
  readonly group: string;
}

/** Service account of a refusal: `User "system:serviceaccount:monitoring:weir" cannot list resource ...`. */
const ACCOUNT = /User "system:serviceaccount:([^":]+):([^":]+)"/;
const ANY_USER = /User "([^"]+)"/;

/**
 * The error for a 403: what is missing in its message, and all that the store needs as its fix, so that one paste does.
 * `message` is the server's, which names the account.
 */
export function permissionError(
  verb: 'list' | 'watch',
  resource: NeededResource,
  needed: readonly NeededResource[],
  message: string,
): WeirError {
  const group = resource.group === '' ? '' : ` of ${resource.group}`;
  return new WeirError(
    'kubernetes/permission',
    `the Kubernetes account may not ${verb} ${resource.name}${group}: ${message}`,
    { fix: `apply this with \`kubectl apply -f -\`:\n${clusterRole(needed, message)}` },
  );
}

/** A ClusterRole for all of them and, where the refused account is known, its binding. */
function clusterRole(needed: readonly NeededResource[], message: string): string {
  const groups = [...new Set(needed.map(({ group }) => group))];
  const rules = groups.map((group) => {
    const names = needed.filter((resource) => resource.group === group).map(({ name }) => name);
    return `  - apiGroups: ["${group}"]\n    resources: [${names.join(', ')}]\n    verbs: [get, list, watch]`;
  });
  // One of them is asked for: its uid is the name of a cluster that has none.
  if (!needed.some(({ name }) => name === 'namespaces')) {
    rules.push('  - apiGroups: [""]\n    resources: [namespaces]\n    verbs: [get]');
  }
  const role = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: weir
rules:
${rules.join('\n')}`;
  const subject = subjectOf(message);
  if (subject === undefined) return role;
  return `${role}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: weir
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: weir
subjects:
${subject}`;
}

function subjectOf(message: string): string | undefined {
  const [, namespace, account] = ACCOUNT.exec(message) ?? [];
  if (account !== undefined) return `  - kind: ServiceAccount\n    namespace: ${namespace}\n    name: ${account}`;
  const [, user] = ANY_USER.exec(message) ?? [];
  return user === undefined
    ? undefined
    : `  - kind: User\n    apiGroup: rbac.authorization.k8s.io\n    name: "${user}"`;
}
