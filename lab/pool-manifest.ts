/** An AddressPool; `rules` are further fields of its spec. */
export const poolManifest = (name: string, addresses: readonly string[], rules: object = {}) => ({
  apiVersion: 'fairlead.io/v1alpha1',
  kind: 'AddressPool',
  metadata: { name },
  spec: { ...rules, addresses },
});
