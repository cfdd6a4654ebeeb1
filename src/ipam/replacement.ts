// Which of its addresses of one family a Service keeps and which it leaves, and when: a published address goes only after
// others have taken its place, and those take it when somebody answers for all of them (make before break). What is
// published tells how far that is, so nothing has to be remembered.

import { type Address, sameAddress } from '../net/address.ts';
import type { Search } from './allocator.ts';
import { obstacleIn } from './pool-choice.ts';
import type { AllocationRequest, HeldAddress } from './request.ts';

/** The addresses of a Service by what is to become of them. */
export interface Share {
  /** Its own, as its status is to say. */
  readonly keep: readonly Address[];
  /** Held, and not published before they can take the place of others. */
  readonly coming: readonly Address[];
  /** Replaced: published after the others until their overlap is over. */
  readonly going: readonly Address[];
  /** Not to be kept any more. */
  readonly drop: readonly Address[];
}

/** What a Service has of one family, by its wishes. */
export interface Standing {
  /** In the order of preference. */
  readonly kept: readonly HeldAddress[];
  /** What it does not want any more. */
  readonly spare: readonly HeldAddress[];
  /** Replaced before, and still published. */
  readonly replaced: readonly HeldAddress[];
  /** To go at once: others share it by other rules, or it was replaced and is not published any more. */
  readonly lost: readonly HeldAddress[];
  /** How many it wants besides those that are kept. */
  readonly missing: number;
}

export const nothingHeld = ({ count }: AllocationRequest): Standing => ({
  ...{ kept: [], spare: [], replaced: [], lost: [], missing: count },
});

export function standingOf(search: Search): Standing {
  const { request, view, held } = search;
  const living = held.filter((one) => !one.isLeaving);
  const lawful = living.filter((one) => view.conflictAt(one.address, request) === undefined);
  const replaced = replacedAmong(search, lawful);
  const own = lawful.filter((one) => !replaced.includes(one));
  const kept = chooseKept(search, own);
  return {
    kept,
    spare: own.filter((one) => !kept.includes(one)),
    replaced: replaced.filter((one) => one.isPublished),
    lost: living.filter((one) => !own.includes(one) && !(one.isPublished && replaced.includes(one))),
    missing: request.count - kept.length,
  };
}

/** Only where another one is published: what somebody writes takes no address away. */
function replacedAmong(search: Search, lawful: readonly HeldAddress[]): readonly HeldAddress[] {
  const replaced = lawful.filter((one) => one.isReplaced && !isAsked(search, one));
  return lawful.some((one) => one.isPublished && !replaced.includes(one)) ? replaced : [];
}

/** Whether a published address waits for those that are to take its place. */
export const isUnfinished = ({ kept, spare, missing }: Standing): boolean =>
  spare.some((one) => one.isPublished) &&
  (missing > 0 || kept.some((one) => !one.isPublished && !one.isReady));

/** `isWaiting`: what is to be replaced stays published for now. */
export function shareOf(standing: Standing, isWaiting: boolean): Share {
  const { kept, spare, replaced, lost, missing } = standing;
  const published = spare.filter((one) => one.isPublished);
  const silent = spare.filter((one) => !one.isPublished);
  const isComplete = missing <= 0;
  if (isWaiting && published.length > 0) {
    const coming = [...kept.filter((one) => !one.isPublished), ...(isComplete ? [] : silent)];
    return shared({
      keep: [...kept.filter((one) => one.isPublished), ...published],
      coming,
      going: replaced,
      drop: isComplete ? [...lost, ...silent] : lost,
    });
  }
  // What it leaves because of its own wishes is kept until it has the other.
  if (!isComplete) return shared({ keep: [...kept, ...spare], coming: [], going: replaced, drop: lost });
  // Who wants fewer has nothing that takes the place of the others.
  const isReplaced = kept.some((one) => !one.isPublished);
  return shared({
    ...{ keep: kept, coming: [] },
    going: isReplaced ? [...published, ...replaced] : replaced,
    drop: [...lost, ...silent, ...(isReplaced ? [] : published)],
  });
}

type HeldShare = { readonly [K in keyof Share]: readonly HeldAddress[] };

const shared = ({ keep, coming, going, drop }: HeldShare): Share => ({
  keep: keep.map(addressOf),
  coming: coming.map(addressOf),
  going: going.map(addressOf),
  drop: drop.map(addressOf),
});

const addressOf = ({ address }: HeldAddress): Address => address;

/** The asked address first, then the others in their order, as far as they still are what the Service asks for. */
function chooseKept(search: Search, own: readonly HeldAddress[]): readonly HeldAddress[] {
  const { request, view, family } = search;
  const named = view.pools.find((pool) => pool.name === request.pool?.value);
  const isPublished = own.some((one) => one.isPublished);
  const fits = (one: HeldAddress) =>
    (request.pool === undefined ||
      one.pool === request.pool.value ||
      named?.contains(one.address) === true) &&
    !(request.isRenumbering && isPublished && !mayReplace(search, one));
  const others = own.filter((one) => !isAsked(search, one) && fits(one));
  const isAnyAsked = request.addresses.some(({ value }) => value.family === family);
  const places = request.count - (isAnyAsked ? 1 : 0);
  return [...own.filter((one) => isAsked(search, one)), ...others.slice(0, places)];
}

const isAsked = ({ request }: Search, { address }: HeldAddress): boolean =>
  request.addresses.some(({ value }) => sameAddress(value, address));

/** Whether it may take the place of a published one: as long as it would be given, so that nobody waits for a pool that is drained. */
function mayReplace({ request, view, user }: Search, { address, isPublished }: HeldAddress): boolean {
  if (isPublished) return false;
  if (view.reservedFor(request.key).some((one) => sameAddress(one, address))) return true;
  return view.pools.some(
    (pool) =>
      pool.contains(address) && obstacleIn(pool, user, pool.name === request.pool?.value) === undefined,
  );
}
