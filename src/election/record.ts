// What the API records about who holds an address, and why a holder lets go. Shared by the ownership machine and
// everything that reads or writes VirtualIP status.

/** VirtualIP status.holder and status.epoch. */
export interface OwnershipRecord {
  /** Node name, or undefined if nobody ever held it. */
  readonly holder: string | undefined;
  /** +1 on every change of holder; 0 before the first. */
  readonly epoch: number;
}

/**
 * `Released`: no longer wanted here; `LostElection`: our claim was refused; `TakenOver`: somebody else recorded a newer
 * claim, or was heard making one while our main thread hung; `Revoked`: it is deleted, as a peer says, and the API does not
 * show it.
 */
export type WithdrawReason = 'Released' | 'LostElection' | 'TakenOver' | 'Revoked';
