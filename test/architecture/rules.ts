// All rules, in the order in which they are reported, and the places that are excused from one, each with a reason.

import type { Rule, Violation } from './rule.ts';
import { fileHeader, fileName } from './rules-of-form.ts';
import { agentClosure, edgeTypes, layers, named } from './rules-of-layers.ts';
import { builtins, packages, pureImports } from './rules-of-packages.ts';
import { environment, pureGlobals } from './rules-of-purity.ts';
import { fileLength, functionLength, nesting, parameters, testCaseLength } from './rules-of-size.ts';

export const RULES: readonly Rule[] = [
  layers,
  edgeTypes,
  agentClosure,
  named,
  pureImports,
  packages,
  builtins,
  pureGlobals,
  environment,
  fileLength,
  functionLength,
  testCaseLength,
  parameters,
  nesting,
  fileName,
  fileHeader,
];

export interface Exception {
  readonly rule: string;
  readonly file: string;
  /** Part of the violation's message, so that an exception excuses one thing and not a whole file. */
  readonly message: string;
  readonly reason: string;
}

/** An exception that excuses nothing any more is itself an error. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    rule: 'parameters',
    file: 'src/host/linux/libc.ts',
    message: '4 parameters',
    reason: 'setsockopt(2) takes these four, and a thin wrapper is read beside its manual page',
  },
  {
    rule: 'parameters',
    file: 'src/kube/connection.ts',
    message: '4 parameters',
    reason: 'KubeApi.patch: the kind, the object, the patch and its subresource',
  },
  {
    rule: 'parameters',
    file: 'lab/kube-client.ts',
    message: '4 parameters',
    reason: 'KubeApi.patch, as in src/kube/connection.ts',
  },
  {
    rule: 'parameters',
    file: 'test/fake/fake-kube-api.ts',
    message: '4 parameters',
    reason: 'KubeApi.patch, as in src/kube/connection.ts',
  },
  {
    rule: 'parameters',
    file: 'test/fake/fake-reports.ts',
    message: '4 parameters',
    reason: 'EventRecorder.record, as in src/kube/events.ts',
  },
  {
    rule: 'parameters',
    file: 'src/kube/events.ts',
    message: '4 parameters',
    reason: 'EventRecorder.record: the four parts of every Event, in the order of client-go',
  },
];

export const excuses = (exception: Exception, violation: Violation): boolean =>
  exception.rule === violation.rule &&
  exception.file === violation.file &&
  violation.message.includes(exception.message);
