// Made by scripts/generate-types.ts from charts/fairlead/files/crds; do not edit. The types of our kinds as they cross
// the wire: what is read from the API is checked by the parsers beside this file, never cast to these.

/** What the pool holds. */
export interface AddressPoolSpec {
  /**
   * CIDRs (10.77.1.0/28; host bits must be 0), ranges (10.77.0.50-10.77.0.99, both ends included) and single
   * addresses (10.77.2.5), of either family. They may overlap; an address counts once.
   */
  readonly addresses: readonly string[];
  /** CIDRs, ranges and single addresses that do not belong to the pool after all. */
  readonly exclude?: readonly string[];
  /**
   * The namespaces whose Services may have the addresses, together with those of namespaceSelector. Without
   * both, every namespace may.
   */
  readonly namespaces?: readonly string[];
  /** Namespaces by their labels, besides those in namespaces. */
  readonly namespaceSelector?: {
    /** Labels that have to be there with these values. */
    readonly matchLabels?: Readonly<Record<string, string>>;
    /** Further requirements; all of them have to be met. */
    readonly matchExpressions?: readonly {
      /** The label. */
      readonly key: string;
      /** How the label is compared with the values. */
      readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
      /** For In and NotIn; none for the others. */
      readonly values?: readonly string[];
    }[];
  };
  /** The Services, by their labels, that may have the addresses; besides, their namespace has to be right. */
  readonly serviceSelector?: {
    /** Labels that have to be there with these values. */
    readonly matchLabels?: Readonly<Record<string, string>>;
    /** Further requirements; all of them have to be met. */
    readonly matchExpressions?: readonly {
      /** The label. */
      readonly key: string;
      /** How the label is compared with the values. */
      readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
      /** For In and NotIn; none for the others. */
      readonly values?: readonly string[];
    }[];
  };
  /**
   * Pools of a lower number are asked first; of the same number those of namespaces before those of all, then
   * the most specific, then by name.
   */
  readonly priority?: number;
  /** Whether Services get addresses without asking for this pool or one of its addresses. */
  readonly autoAssign?: boolean;
  /** False gives addresses that nobody of Fairlead answers for, because something else does. */
  readonly announce?: boolean;
  /** Whether IPv4 addresses that end in .0 or .255 are never given. */
  readonly avoidEdges?: boolean;
  /** Whether the pool is being drained. Nothing new is given, and what was given stays. */
  readonly disabled?: boolean;
  /** Upper limits; none where absent. */
  readonly quota?: {
    /** How many addresses of the pool the Services of one namespace may have, a shared one counted once. */
    readonly perNamespace?: number;
  };
  /**
   * Whether Services that share an address by fairlead.io/sharing-key must be of one Namespace, or only of one
   * Cluster.
   */
  readonly sharing?: 'Namespace' | 'Cluster';
}

/** What the controller found and counted; written by the controller only. */
export interface AddressPoolStatus {
  /** The metadata.generation that this status is about. */
  readonly observedGeneration?: number;
  /** Counts of IPv4 addresses, as decimal text because a large prefix exceeds 64 bits. */
  readonly ipv4?: {
    /** How many addresses the pool holds. */
    readonly total: string;
    /** How many of them a VirtualIP has. */
    readonly allocated: string;
    /**
     * How many can still be given out. Addresses of nodes and addresses that a Service has kept from before
     * are neither allocated nor available.
     */
    readonly available: string;
  };
  /** Counts of IPv6 addresses, as decimal text because a large prefix exceeds 64 bits. */
  readonly ipv6?: {
    /** How many addresses the pool holds. */
    readonly total: string;
    /** How many of them a VirtualIP has. */
    readonly allocated: string;
    /**
     * How many can still be given out. Addresses of nodes and addresses that a Service has kept from before
     * are neither allocated nor available.
     */
    readonly available: string;
  };
  /**
   * Ready says whether the pool can be used; when it is False, the reason is Invalid and the message lists
   * every problem. Overlapping, where it is there, names the pools that have addresses in common with this
   * one.
   */
  readonly conditions?: readonly {
    /** The aspect. */
    readonly type: string;
    /** True, False or Unknown. */
    readonly status: 'True' | 'False' | 'Unknown';
    /** One word in CamelCase, for programs. */
    readonly reason: string;
    /** A sentence, for people; may be empty. */
    readonly message: string;
    /** The metadata.generation that the condition is about. */
    readonly observedGeneration?: number;
    /** When the status last changed. */
    readonly lastTransitionTime: string;
  }[];
}

/** What the agent found; written by the agent only. */
export interface AnnouncerStatus {
  /** The agent's version. */
  readonly version?: string;
  /** Drawn anew whenever the agent starts; tells a restart from a pause. */
  readonly session?: string;
  /** The node's Ethernet links that have an address. */
  readonly links?: readonly {
    /** The name of the interface. */
    readonly name: string;
    /** The kernel's number for the interface. */
    readonly index: number;
    /** The hardware address, in lower case. */
    readonly mac: string;
    /** Whether the link can carry traffic now. */
    readonly state: 'Up' | 'Down';
    /** The largest packet in bytes. */
    readonly mtu?: number;
    /** The node's own addresses on the link with their prefix lengths, like 10.77.0.11/24. */
    readonly addresses?: readonly string[];
  }[];
  /** What the node found on its links besides itself; a link with nothing to say is left out. */
  readonly segments?: readonly {
    /** The name of the interface. */
    readonly link: string;
    /**
     * The routers of the node's default routes over the link. They are given to no Service. Link-local ones
     * are left out.
     */
    readonly gateways?: readonly string[];
    /** The nodes whose heartbeats are or were heard on the link. */
    readonly peers?: readonly {
      /** The node's name. */
      readonly node: string;
      /** Live is heard; PathLost is heard by others and not by this node; Dead is heard by nobody. */
      readonly state: 'Live' | 'PathLost' | 'Dead';
    }[];
  }[];
  /** How many addresses the node holds; the VirtualIPs say which. */
  readonly held?: number;
  /**
   * Ready says whether the agent takes part in announcing; PathLost that it does not hear a node that others
   * hear.
   */
  readonly conditions?: readonly {
    /** The aspect. */
    readonly type: string;
    /** True, False or Unknown. */
    readonly status: 'True' | 'False' | 'Unknown';
    /** One word in CamelCase, for programs. */
    readonly reason: string;
    /** A sentence, for people; may be empty. */
    readonly message: string;
    /** The metadata.generation that the condition is about. */
    readonly observedGeneration?: number;
    /** When the status last changed. */
    readonly lastTransitionTime: string;
  }[];
}

/** What the controller has decided about the address. */
export interface VirtualIPSpec {
  /** The address in canonical text; it can not be changed. */
  readonly address: string;
  /** The family of the address. */
  readonly family: 'IPv4' | 'IPv6';
  /** The name of the AddressPool that the address was taken from. */
  readonly pool?: string;
  /**
   * The Service that the address is kept for while no other uses it. Without it, and without services, it is
   * kept from everybody.
   */
  readonly reservedFor?: {
    /** The Service's namespace. */
    readonly namespace: string;
    /** The Service's name. */
    readonly name: string;
  };
  /** The Services that the address is for; none for a reservation. */
  readonly services?: readonly {
    /** The Service's namespace. */
    readonly namespace: string;
    /** The Service's name. */
    readonly name: string;
    /** The Service's uid; a re-created Service of the same name has another one. */
    readonly uid: string;
    /** The ports that the Service uses on the address. */
    readonly ports?: readonly {
      /** The transport protocol. */
      readonly protocol: 'TCP' | 'UDP' | 'SCTP';
      /** The port number. */
      readonly port: number;
    }[];
    /** The address is kept for a Service of the same name when this one goes, however that happens. */
    readonly retain?: boolean;
    /** Only nodes with endpoints of the Service are to hold the address (externalTrafficPolicy Local). */
    readonly local?: boolean;
  }[];
  /** The nodes that may hold the address, in the order in which they would take it over. */
  readonly candidates?: readonly string[];
  /** How the address is announced, so that an agent needs to read no other object. */
  readonly advertisements?: readonly {
    /** Where it comes from; `default` when nothing was configured. */
    readonly name: string;
    /** Answer ARP for the address on the local network. */
    readonly l2: {
      /** Patterns of interface names, like eth*; empty means every interface whose subnet fits. */
      readonly interfaces?: readonly string[];
      /** Whether the address answers ICMP echo requests. */
      readonly ping?: boolean;
      /** Whether the holder puts the address on its interface. */
      readonly bind?: boolean;
    };
  }[];
}

/** What the agents have recorded; written by agents only. */
export interface VirtualIPStatus {
  /** The metadata.generation that this status is about. */
  readonly observedGeneration?: number;
  /** The node that answers for the address; it is not renewed, only changed. */
  readonly holder?: string;
  /** Raised by one with every change of holder; 0 while nobody ever held the address. */
  readonly epoch?: number;
  /** The state of the announcement. */
  readonly phase?: 'Pending' | 'Announced' | 'Moving' | 'Withdrawn' | 'Conflict';
  /** When the holder took the address. */
  readonly since?: string;
  /** The state in detail, as the holder sees it. */
  readonly conditions?: readonly {
    /** The aspect. */
    readonly type: string;
    /** True, False or Unknown. */
    readonly status: 'True' | 'False' | 'Unknown';
    /** One word in CamelCase, for programs. */
    readonly reason: string;
    /** A sentence, for people; may be empty. */
    readonly message: string;
    /** The metadata.generation that the condition is about. */
    readonly observedGeneration?: number;
    /** When the status last changed. */
    readonly lastTransitionTime: string;
  }[];
}
