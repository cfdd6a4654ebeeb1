// The flags of the programs: what they are called, what they mean, and how their text becomes a value. A text that
// is none is a usage error, which names the flag and what it wants.

import { hostname } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ProxyHealthMode } from '../agent/proxy-health.ts';
import type { Rebalance } from '../cloudprovider/deps.ts';
import { type ListenAddress, parseListenAddress } from '../observe/health.ts';
import type { LogLevel } from '../observe/log.ts';
import { type Duration, milliseconds, minutes, parseDuration, seconds } from '../time/duration.ts';

export type LogFormat = 'auto' | 'json' | 'pretty';

const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal'];
const REBALANCE: readonly Rebalance[] = ['Off', 'Slow'];
const PROXY_HEALTH: readonly ProxyHealthMode[] = ['Auto', 'Required', 'Off'];
const LOG_FORMATS: readonly LogFormat[] = ['auto', 'json', 'pretty'];

export interface CommonFlags {
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly listen: ListenAddress;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export interface AgentFlags extends CommonFlags {
  readonly nodeName: string;
  readonly leaseDuration: Duration;
  readonly leaseRenewInterval: Duration;
  readonly heartbeatInterval: Duration;
  readonly heartbeatMultiplier: number;
  readonly hangTimeout: Duration;
  readonly proxyHealth: ProxyHealthMode;
  readonly startupGrace: Duration;
  readonly stateFile: string;
}

export interface ControllerFlags extends CommonFlags {
  readonly loadBalancerClass: readonly string[];
  readonly defaultClass: boolean;
  readonly rebalance: Rebalance;
  readonly replacementOverlap: Duration;
}

/** A parser for commander: what `read` does not understand is refused with what it wants. */
function wants<T>(wanted: string, read: (text: string) => T | undefined): (text: string) => T {
  return (text) => {
    const value = read(text);
    if (value === undefined) throw new InvalidArgumentError(`Want ${wanted}.`);
    return value;
  };
}

const matching =
  (pattern: RegExp, longest: number) =>
  (text: string): string | undefined =>
    pattern.test(text) && text.length <= longest ? text : undefined;

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;

/** The name of a Kubernetes object (RFC 1123 subdomain). */
const matchingName = matching(new RegExp(`^${SUBDOMAIN}$`), 253);
const nodeName = wants('the name of a Node', matchingName);
const namespace = wants('the name of a namespace', matching(new RegExp(`^${LABEL}$`), 63));
const className = wants(
  'a class such as fairlead.io/lb',
  matching(new RegExp(`^(${SUBDOMAIN}/)?[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$`), 317),
);
const listenAddress = wants('HOST:PORT, [HOST]:PORT or :PORT', parseListenAddress);

/** The API keeps a Lease's duration in whole seconds. */
const wholeSeconds = wants('a duration in whole seconds from 3s, such as 15s', (text) => {
  const duration = parseDuration(text);
  return duration !== undefined && duration >= 3000 && duration % 1000 === 0 ? duration : undefined;
});
const interval = wants('a duration from 500ms, such as 7s', (text) => {
  const duration = parseDuration(text);
  return duration !== undefined && duration >= 500 ? duration : undefined;
});

const between = (lowest: Duration, highest: Duration) => (text: string) => {
  const duration = parseDuration(text);
  return duration !== undefined && duration >= lowest && duration <= highest ? duration : undefined;
};
/** Ten must fit into what the election remembers of a silent peer, which is 10 s (election/peer-sessions.ts). */
const heartbeatInterval = wants(
  'a duration from 10ms to 1s, such as 100ms',
  between(milliseconds(10), seconds(1)),
);
const heartbeatMultiplier = wants('a whole number from 2 to 10', (text) =>
  /^([2-9]|10)$/.test(text) ? Number(text) : undefined,
);
const overlap = wants('a duration from 0 to 24h, such as 1m', between(milliseconds(0), minutes(24 * 60)));
const hangTimeout = wants('a duration from 1s to 60s, such as 2s', between(seconds(1), seconds(60)));
const startupGrace = wants('a duration from 1s to 300s, such as 10s', between(seconds(1), seconds(300)));

/** The flags that both programs have. */
export function addCommonFlags(command: Command, options: { readonly port: number }): Command {
  return command
    .addOption(
      new Option(
        '--kubeconfig <path>',
        "file with the cluster's address and credentials (default: in-cluster)",
      ),
    )
    .addOption(
      new Option('--namespace <name>', 'namespace of the Leases')
        .argParser(namespace)
        .default('fairlead-system'),
    )
    .addOption(
      new Option('--listen <host:port>', 'where /healthz, /readyz and /metrics are served')
        .argParser(listenAddress)
        .default({ host: undefined, port: options.port }, `:${options.port}`),
    )
    .addOption(
      new Option('--log-level <level>', 'least level that is logged').choices(LOG_LEVELS).default('info'),
    )
    .addOption(
      new Option('--log-format <format>', 'auto is pretty on a terminal, else json')
        .choices(LOG_FORMATS)
        .default('auto'),
    );
}

export function addAgentFlags(command: Command): Command {
  addCommonFlags(command, { port: 9373 })
    .addOption(
      new Option('--node-name <name>', "this node's name in Kubernetes")
        .env('NODE_NAME')
        .argParser(nodeName)
        .default(hostname().toLowerCase(), 'the host name'),
    )
    .addOption(
      new Option('--lease-duration <duration>', "how long this node's Lease lasts without renewal")
        .argParser(wholeSeconds)
        .default(seconds(15), '15s'),
    )
    .addOption(
      new Option(
        '--lease-renew-interval <duration>',
        'how often the Lease is renewed, below two thirds of its duration',
      )
        .argParser(interval)
        .default(seconds(7), '7s'),
    );
  return addElectionFlags(command).addOption(
    new Option(
      '--state-file <path>',
      'where this node keeps what it needs to go on after a restart while the API is away; empty: nowhere',
    ).default('/var/lib/fairlead/state.json'),
  );
}

/** Who is dead, and who may take what it held. */
function addElectionFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--heartbeat-interval <duration>',
        'how often this node tells the others on its links that it lives',
      )
        .argParser(heartbeatInterval)
        .default(milliseconds(100), '100ms'),
    )
    .addOption(
      new Option('--heartbeat-multiplier <count>', 'how many heartbeats may be missed')
        .argParser(heartbeatMultiplier)
        .default(3),
    )
    .addOption(
      new Option(
        '--hang-timeout <duration>',
        'how long the main thread may hang until its addresses are handed over',
      )
        .argParser(hangTimeout)
        .default(seconds(2), '2s'),
    )
    .addOption(
      new Option(
        '--proxy-health <mode>',
        'whether kube-proxy has to be healthy here: Auto once it has been, Required from the start, Off never',
      )
        .choices(PROXY_HEALTH)
        .default('Auto'),
    )
    .addOption(
      new Option(
        '--startup-grace <duration>',
        'how long after the start a recorded holder that is not heard is waited for while no Lease can be read',
      )
        .argParser(startupGrace)
        .default(seconds(10), '10s'),
    );
}

export function addControllerFlags(command: Command): Command {
  const classes = (text: string, before: readonly string[] | undefined): readonly string[] =>
    before === undefined || before === DEFAULT_CLASSES ? [className(text)] : [...before, className(text)];
  return addCommonFlags(command, { port: 9374 })
    .addOption(
      new Option(
        '--load-balancer-class <class>',
        'spec.loadBalancerClass of the Services to serve; may be repeated',
      )
        .argParser(classes)
        .default(DEFAULT_CLASSES, 'fairlead.io/lb'),
    )
    .addOption(
      new Option(
        '--default-class',
        "be the cluster's default implementation: serve Services without a class too",
      ).default(false, 'no'),
    )
    .addOption(
      new Option(
        '--rebalance <how>',
        'whether addresses are moved, one at a time, away from nodes that hold over 25 % more than the mean',
      )
        .choices(REBALANCE)
        .default('Off'),
    )
    .addOption(
      new Option(
        '--replacement-overlap <duration>',
        'how long an address that was replaced is published beside the new one',
      )
        .argParser(overlap)
        .default(minutes(1), '1m'),
    );
}

const DEFAULT_CLASSES: readonly string[] = ['fairlead.io/lb'];

/** What can not be seen in one flag alone, or stands in none; undefined when there is no such thing. */
export function conflictOf({ nodeName, leaseDuration, leaseRenewInterval }: AgentFlags): string | undefined {
  if (matchingName(nodeName) === undefined)
    return `option '--node-name' is not given, and the host name '${nodeName}' can not be that of a Node`;
  if (leaseRenewInterval * 3 <= leaseDuration * 2) return undefined;
  const most = `${(leaseDuration * 2) / 3000}s`;
  return `option '--lease-renew-interval' is too long for the Lease's duration: want ${most} or less`;
}
