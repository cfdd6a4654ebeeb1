// The lab's control plane in its own namespace: etcd, kube-apiserver, kube-controller-manager with the controllers
// that Services need, and one kube-proxy per node. Real binaries, started in parallel; nothing is durable.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { minutes } from '../src/time/duration.ts';
import { getIn } from './http-client.ts';
import { type Access, writeKubeconfig } from './kubeconfig.ts';
import { execIn } from './netns.ts';
import type { LabNetwork, LabNode } from './network.ts';
import type { ProcessTable } from './process-table.ts';
import { waitFor } from './wait.ts';

export interface Binaries {
  /** Directory of kube-apiserver, kube-controller-manager and kube-proxy. */
  readonly kube: string;
  /** Path of etcd. */
  readonly etcd: string;
}

export interface ControlPlaneOptions {
  readonly network: LabNetwork;
  readonly processes: ProcessTable;
  readonly binaries: Binaries;
}

const ETCD_URL = 'http://127.0.0.1:2379';
const PORT = 6443;
const SERVICE_RANGE = '10.96.0.0/16,fd00:96::/112';
const POD_RANGE = '10.244.0.0/16,fd00:244::/32';

// No node life cycle (nothing renews node Leases here) and nothing that needs a kubelet or a scheduler.
const CONTROLLERS = [
  'endpointslice-controller',
  'namespace-controller',
  'garbage-collector-controller',
  'serviceaccount-controller',
].join(',');

// One line per request, written when it is complete: an exact count of API requests per user, verb and resource.
const AUDIT_POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules: [{level: Metadata}]
`;

/** The API server's users that need no object of the API: name, group. */
const USERS = {
  admin: { name: 'lab-admin', group: 'system:masters' },
  'kube-controller-manager': { name: 'system:kube-controller-manager', group: 'system:masters' },
  // The bootstrap policy binds this name to the role system:node-proxier; kube-proxy gets no more than that.
  'kube-proxy': { name: 'system:kube-proxy', group: '' },
} as const;
type User = keyof typeof USERS;
const USER_KEYS = Object.keys(USERS) as User[];

/** A running control plane; its processes belong to the process table it was started with. */
export interface ControlPlane {
  readonly server: string;
  readonly admin: Access;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Path of the audit log, JSON lines. */
  readonly auditLog: string;
  /** Paths of the API server's own certificate, for its address and the name `kubernetes`, and of its key; PEM. */
  readonly serving: { readonly certificate: string; readonly key: string };
}

/** Starts etcd, the API server and the controller manager; resolves when the API server is ready. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { network, processes, binaries } = options;
  const files = filesOf(network.stateDir);
  const tokens = await writeServerFiles(files);
  const server = `https://${network.controlPlane.ip}:${PORT}`;
  const { netns } = network.controlPlane;
  const accessOf = async (user: User): Promise<Access> => ({
    server,
    certificateAuthority: await readFile(files.certificate, 'utf8'),
    token: tokens[user],
  });
  await Promise.all([
    processes.start({ target: 'etcd', netns, argv: etcdArgv(binaries, files) }),
    processes.start({
      target: 'apiserver',
      netns,
      argv: apiserverArgv(options, files),
      readyWhen: (signal) => apiserverReady(network, () => accessOf('admin'), signal),
    }),
  ]);
  for (const user of USER_KEYS) await writeKubeconfig(files.kubeconfig(user), user, await accessOf(user));
  const argv = controllerManagerArgv(binaries, files.kubeconfig('kube-controller-manager'));
  await processes.start({ target: 'kcm', netns, argv });
  return {
    server,
    admin: await accessOf('admin'),
    kubeconfig: files.kubeconfig('admin'),
    auditLog: files.auditLog,
    serving: { certificate: files.certificate, key: files.key },
  };
}

/** `/readyz` also waits for the built-in roles and the Service ranges, without which nothing here works. */
async function apiserverReady(
  network: LabNetwork,
  access: () => Promise<Access>,
  signal: AbortSignal,
): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    const admin = await access();
    return (await getIn(network.controlPlane.netns, `${admin.server}/readyz`, admin)).status === 200;
  };
  await waitFor('the API server to be ready', isReady, { deadline: minutes(2), signal });
}

/** How often kube-proxy may write rules: its own default, or the value of `--iptables-min-sync-period`. */
export interface KubeProxyOptions {
  /** A Go duration such as `0s`. */
  readonly minSyncPeriod?: string;
}

/** Starts a kube-proxy in nftables mode on every node; resolves when each has written its first rules. */
export async function startKubeProxies(options: ControlPlaneOptions, proxy: KubeProxyOptions): Promise<void> {
  const { network, processes, binaries } = options;
  const kubeconfig = filesOf(network.stateDir).kubeconfig('kube-proxy');
  const start = async (node: LabNode): Promise<void> => {
    const hasRules = async (): Promise<boolean> =>
      (await execIn(node.netns, ['nft', '-t', 'list', 'table', 'ip', 'kube-proxy'])).code === 0;
    await processes.start({
      target: `kube-proxy/${node.name}`,
      netns: node.netns,
      argv: [...kubeProxyArgv(binaries, kubeconfig, node.name), ...minSyncPeriod(proxy)],
      readyWhen: (signal) =>
        waitFor(`kube-proxy on ${node.name} to write its first rules`, hasRules, {
          deadline: minutes(1),
          signal,
        }),
    });
  };
  await Promise.all(network.nodes.map(start));
}

interface Files {
  readonly etcd: string;
  readonly certificates: string;
  readonly certificate: string;
  readonly key: string;
  readonly serviceAccountKey: string;
  readonly tokens: string;
  readonly auditPolicy: string;
  readonly auditLog: string;
  kubeconfig(user: User): string;
}

function filesOf(stateDir: string): Files {
  const certificates = join(stateDir, 'apiserver');
  return {
    etcd: join(stateDir, 'etcd'),
    certificates,
    certificate: join(certificates, 'apiserver.crt'),
    key: join(certificates, 'apiserver.key'),
    serviceAccountKey: join(stateDir, 'service-account.key'),
    tokens: join(stateDir, 'tokens.csv'),
    auditPolicy: join(stateDir, 'audit-policy.yaml'),
    auditLog: join(stateDir, 'audit.log'),
    kubeconfig: (user) => join(stateDir, `${user}.kubeconfig`),
  };
}

async function writeServerFiles(files: Files): Promise<Record<User, string>> {
  const token = (): string => randomBytes(16).toString('hex');
  const tokens: Record<User, string> = {
    admin: token(),
    'kube-controller-manager': token(),
    'kube-proxy': token(),
  };
  const lines = USER_KEYS.map(
    (user) => `${tokens[user]},${USERS[user].name},${user},"${USERS[user].group}"\n`,
  );
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  await Promise.all([
    writeFile(files.tokens, lines.join(''), { mode: 0o600 }),
    writeFile(files.serviceAccountKey, privateKey, { mode: 0o600 }),
    writeFile(files.auditPolicy, AUDIT_POLICY),
  ]);
  return tokens;
}

const etcdArgv = (binaries: Binaries, files: Files): readonly string[] => [
  binaries.etcd,
  `--data-dir=${files.etcd}`,
  '--unsafe-no-fsync',
  `--listen-client-urls=${ETCD_URL}`,
  `--advertise-client-urls=${ETCD_URL}`,
  '--listen-peer-urls=http://127.0.0.1:2380',
  '--log-level=warn',
];

const apiserverArgv = ({ network, binaries }: ControlPlaneOptions, files: Files): readonly string[] => [
  join(binaries.kube, 'kube-apiserver'),
  `--etcd-servers=${ETCD_URL}`,
  `--bind-address=${network.controlPlane.ip}`,
  `--advertise-address=${network.controlPlane.ip}`,
  `--secure-port=${PORT}`,
  `--cert-dir=${files.certificates}`,
  '--service-account-issuer=https://kubernetes.default.svc',
  `--service-account-key-file=${files.serviceAccountKey}`,
  `--service-account-signing-key-file=${files.serviceAccountKey}`,
  `--token-auth-file=${files.tokens}`,
  '--authorization-mode=RBAC',
  `--service-cluster-ip-range=${SERVICE_RANGE}`,
  '--disable-admission-plugins=ServiceAccount',
  `--audit-policy-file=${files.auditPolicy}`,
  `--audit-log-path=${files.auditLog}`,
];

const controllerManagerArgv = (binaries: Binaries, kubeconfig: string): readonly string[] => [
  join(binaries.kube, 'kube-controller-manager'),
  `--kubeconfig=${kubeconfig}`,
  '--leader-elect=false',
  '--bind-address=127.0.0.1',
  `--controllers=${CONTROLLERS}`,
  '--concurrent-service-endpoint-syncs=20',
  '--kube-api-qps=1000',
  '--kube-api-burst=2000',
];

// The conntrack sysctls belong to the host's network namespace and are read-only in others, so all are left alone.
const kubeProxyArgv = (binaries: Binaries, kubeconfig: string, node: string): readonly string[] => [
  join(binaries.kube, 'kube-proxy'),
  `--kubeconfig=${kubeconfig}`,
  `--hostname-override=${node}`,
  '--proxy-mode=nftables',
  `--cluster-cidr=${POD_RANGE}`,
  '--conntrack-max-per-core=0',
  '--conntrack-tcp-timeout-established=0',
  '--conntrack-tcp-timeout-close-wait=0',
];

const minSyncPeriod = (proxy: KubeProxyOptions): readonly string[] =>
  proxy.minSyncPeriod === undefined ? [] : [`--iptables-min-sync-period=${proxy.minSyncPeriod}`];
