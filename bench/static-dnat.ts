// A stand-in for kube-proxy whose rules are there before the Service is: every node translates the pool's whole range
// to a pod of its own, so that a bench over it measures Fairlead and nothing else.

import { mustExec } from '../lab/exec.ts';
import type { LabNode } from '../lab/network.ts';
import type { LabPod } from '../lab/workload.ts';

export interface Translation {
  /** `first-last`. */
  readonly addresses: string;
  readonly service: number;
  readonly pod: number;
}

/** Writes the rules on every node; each needs a pod of its own, so that answers come back through it. */
export async function translateStatically(
  nodes: readonly LabNode[],
  pods: readonly LabPod[],
  translation: Translation,
): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      const pod = pods.find((candidate) => candidate.node === node.name);
      if (pod === undefined) throw new Error(`translate to a pod of ${node.name}: it has none`);
      await mustExec(['ip', 'netns', 'exec', node.netns, 'nft', '-f', '-'], {
        input: ruleset(translation, pod),
      });
    }),
  );
}

export interface RemoteTranslation {
  /** `first-last` ranges and single addresses. */
  readonly addresses: readonly string[];
  /** Ports of the Service and of the pod, by protocol. */
  readonly ports: readonly {
    readonly protocol: 'tcp' | 'udp';
    readonly service: number;
    readonly pod: number;
  }[];
  readonly pod: Pick<LabPod, 'ip'>;
}

/** As kube-proxy does it for a Service whose only pod is on another node: from the node's own address. */
export async function translateToOne(
  nodes: readonly LabNode[],
  translation: RemoteTranslation,
): Promise<void> {
  const input = remoteRuleset(translation);
  await Promise.all(
    nodes.map((node) => mustExec(['ip', 'netns', 'exec', node.netns, 'nft', '-f', '-'], { input })),
  );
}

const remoteRuleset = ({ addresses, ports, pod }: RemoteTranslation): string => `
table ip fairlead_bench {
  chain prerouting {
    type nat hook prerouting priority dstnat;
${ports.map((each) => `    ip daddr { ${addresses.join(', ')} } ${each.protocol} dport ${each.service} dnat to ${pod.ip}:${each.pod}`).join('\n')}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip daddr ${pod.ip} ct status dnat masquerade
  }
}
`;

const ruleset = ({ addresses, service, pod }: Translation, { ip }: LabPod): string => `
table ip fairlead_bench {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr ${addresses} udp dport ${service} dnat to ${ip}:${pod}
  }
}
`;
