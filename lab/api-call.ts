// What a request to the Kubernetes API asks, in its own words: the verb of RBAC, read from method and path.

export const API_VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'] as const;

export interface ApiCall {
  readonly verb: (typeof API_VERBS)[number];
  /** With its query. */
  readonly path: string;
}

const WRITES: Readonly<Record<string, ApiCall['verb']>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** `/api/v1`, `/apis/GROUP/VERSION`; then perhaps `namespaces/NAME`; then PLURAL and perhaps NAME and SUBRESOURCE. */
const RESOURCE = /^\/(?:api|apis\/[^/]+)\/[^/]+(?:\/namespaces\/[^/]+)?\/[^/]+(\/.+)?$/;

/** Paths that are no resources (`/readyz`, `/version`) are gets. */
export function callOf(method: string, path: string): ApiCall {
  const [resource = '', query = ''] = path.split('?');
  const write = WRITES[method];
  if (write !== undefined) return { verb: write, path };
  if (new URLSearchParams(query).get('watch') === 'true') return { verb: 'watch', path };
  const found = RESOURCE.exec(resource);
  return { verb: found !== null && found[1] === undefined ? 'list' : 'get', path };
}
