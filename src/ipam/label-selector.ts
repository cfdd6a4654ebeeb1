// Kubernetes' label selectors as a question: does this set of labels fit? (metav1.LabelSelector)

export type Labels = Readonly<Record<string, string>>;

export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

export interface LabelSelector {
  readonly matchLabels: Labels;
  readonly matchExpressions: readonly LabelRequirement[];
}

/** All requirements hold; a selector without any fits every set of labels. */
export function selects(selector: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(selector.matchLabels).every(([key, value]) => labelOf(labels, key) === value) &&
    selector.matchExpressions.every((requirement) => holds(requirement, labels))
  );
}

/** How many requirements it makes: the more, the more specific. */
export const requirementsOf = (selector: LabelSelector | undefined): number =>
  selector === undefined ? 0 : Object.keys(selector.matchLabels).length + selector.matchExpressions.length;

function holds({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = labelOf(labels, key);
  switch (operator) {
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'In':
      return value !== undefined && values.includes(value);
    // Also true without the label, as in Kubernetes.
    case 'NotIn':
      return value === undefined || !values.includes(value);
  }
}

const labelOf = (labels: Labels, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;
