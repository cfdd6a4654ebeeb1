// The demo's result as a value and as text. Pure: what it tells was measured elsewhere.

import type { PodAnswer } from './pod-server.ts';

export interface Story {
  readonly service: string;
  /** Version of the API server. */
  readonly apiserver: string;
  readonly nodes: number;
  readonly address: string;
  /** status.loadBalancer.ingress of the Service. */
  readonly ingress: readonly { readonly ip?: string; readonly ipMode?: string }[];
  /** The node that answers for the address, and the hardware address that it announced. */
  readonly holder: string;
  readonly hardwareAddress: string;
  /** The client's own address. */
  readonly client: string;
  readonly answer: PodAnswer;
  /** Milliseconds since the Service was posted. */
  readonly timings: {
    /** The VirtualIP was created. */
    readonly allocated: number;
    /** The first ARP packet that claims the address arrived at the client. */
    readonly announced: number;
    /** The Service's status named the address. */
    readonly published: number;
    /** The client had its answer. */
    readonly firstByte: number;
  };
}

/** True if the Service was reached by the client and its status says where it is. */
export function hasSucceeded(story: Story): boolean {
  return story.answer.pod !== '' && story.ingress.some((ingress) => ingress.ip === story.address);
}

/** The story as lines for a terminal, in the order in which things happened. */
export function tellStory(story: Story): readonly string[] {
  const { timings } = story;
  const steps: readonly (readonly [number, string, string])[] = [
    [0, 'posted', `Service ${story.service}, type LoadBalancer, class fairlead.io/lb`],
    [timings.allocated, 'allocated', `${story.address}, by creating the VirtualIP of that name`],
    [
      timings.announced,
      'announced',
      `${story.holder} tells the LAN: ${story.address} is at ${story.hardwareAddress}`,
    ],
    [timings.published, 'published', `status.loadBalancer.ingress = ${JSON.stringify(story.ingress)}`],
    [
      timings.firstByte,
      'first byte',
      `pod ${story.answer.pod} on ${story.answer.node} answers the client ${story.client}`,
    ],
  ];
  const inOrder = [...steps].sort(([a], [b]) => a - b);
  return [
    '',
    `A Service on ${story.nodes} nodes, Kubernetes ${story.apiserver}:`,
    '',
    ...inOrder.map(
      ([time, name, text]) => `  ${`${time.toFixed(1)} ms`.padStart(10)}  ${name.padEnd(10)}  ${text}`,
    ),
    '',
    `The client asked http://${story.address}/ and got ${JSON.stringify(story.answer)}`,
    '',
  ];
}
