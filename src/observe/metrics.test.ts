// What the controller's page for Prometheus says of Services: refusals by reason, addresses in use by pool.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControllerMetrics } from './metrics.ts';

async function linesOf(metrics: ControllerMetrics, name: string): Promise<readonly string[]> {
  const { body } = await metrics.page();
  return body.split('\n').filter((line) => line.startsWith(`${name}{`));
}

const metricsOf = () =>
  new ControllerMetrics({ version: '0', residentMemory: () => 1, queueLength: () => 0 });

test('refusals are counted by their reason', async () => {
  const metrics = metricsOf();
  for (const reason of ['NoPool', 'PoolsExhausted', 'NoPool']) metrics.refused(reason);
  assert.deepEqual(await linesOf(metrics, 'fairlead_allocation_refusals_total'), [
    'fairlead_allocation_refusals_total{reason="NoPool"} 2',
    'fairlead_allocation_refusals_total{reason="PoolsExhausted"} 1',
  ]);
});

test('a pool that is gone is gone from the page', async () => {
  const metrics = metricsOf();
  metrics.allocations([
    { pool: 'a', family: 'IPv4', count: 3 },
    { pool: 'b', family: 'IPv6', count: 1 },
  ]);
  metrics.allocations([{ pool: 'b', family: 'IPv6', count: 2 }]);
  assert.deepEqual(await linesOf(metrics, 'fairlead_allocations'), [
    'fairlead_allocations{pool="b",family="IPv6"} 2',
  ]);
});
