// What the tests try of wrong edits, on every run the same.

/** Of the draw; another one is for `npm run test:teeth -- --draw SEED`. */
export const SEED = 1;

/** So many edits are drawn. */
export const DRAWN = 20;

/** So many schedules may go by before one catches an edit. */
export const SCHEDULES = 120;
