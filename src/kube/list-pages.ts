// A complete list out of pages: all of one moment, or begun again when the server has forgotten that moment.

import type { KubeObject, ResourceKind } from './api.ts';
import { hasCode } from './api-error.ts';
import type { CollectionScope, Connection } from './connection.ts';

export interface CompleteList<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

/** A list that takes longer than etcd keeps its moment (5 minutes by default) is begun this often at most. */
const ATTEMPTS = 3;

export async function listAll<T extends KubeObject>(
  connection: Pick<Connection, 'listPage'>,
  kind: ResourceKind,
  scope: CollectionScope & { readonly signal?: AbortSignal },
): Promise<CompleteList<T>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listOnce<T>(connection, kind, scope);
    } catch (error) {
      if (!hasCode(error, 'Gone') || attempt === ATTEMPTS) throw error;
    }
  }
}

async function listOnce<T extends KubeObject>(
  connection: Pick<Connection, 'listPage'>,
  kind: ResourceKind,
  scope: CollectionScope & { readonly signal?: AbortSignal },
): Promise<CompleteList<T>> {
  let page = await connection.listPage<T>(kind, scope);
  const pages = [page.items];
  while (page.next !== undefined) {
    page = await connection.listPage<T>(kind, { ...scope, next: page.next });
    pages.push(page.items);
  }
  return { items: pages.flat(), resourceVersion: page.resourceVersion };
}
