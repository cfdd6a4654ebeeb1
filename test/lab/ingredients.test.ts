// What a lab says before it begins, where it can not be made.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { createLab } from '../../lab/cluster.ts';
import { gatherIngredients, LabUnavailable } from '../../lab/ingredients.ts';

test('without root nothing is built or made: one line says what is wanted', async () => {
  const getuid = mock.method(process as { getuid(): number }, 'getuid', () => 65534);
  const lines: string[] = [];
  const onProgress = (line: string): void => void lines.push(line);
  try {
    const refused = (error: unknown): boolean =>
      error instanceof LabUnavailable && /not root; want root/.test(error.message);
    await assert.rejects(gatherIngredients(onProgress), refused);
    await assert.rejects(createLab({ name: 'not-root', nodes: 1, onProgress }), refused);
    assert.deepEqual(lines, []);
  } finally {
    getuid.mock.restore();
  }
});
