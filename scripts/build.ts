// Bundles what runs in the image: dist/fairlead.js (the program; each command's code in a chunk of its own) and
// dist/wire-worker.js (the agent's second thread). koffi stays outside, because it loads a binary beside itself.
// `--outdir DIR` writes somewhere else, which must be inside the package, so that koffi is found.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, type Metafile, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const AGENT = 'src/bin/agent.ts';
const CLIENT = 'node_modules/@kubernetes/client-node/';

/** What is not in the bundle is asked for by require, in CommonJS packages and, by BY_REQUIRE, everywhere else. */
const REQUIRE = "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);";

/**
 * Node's own modules, and koffi, which imports them: an import statement makes Node read every property of a module, and
 * so load what hides behind getters (behind node:http a second HTTP client, behind node:fs the line editor).
 */
const BY_REQUIRE: Plugin = {
  name: 'by-require',
  setup(build) {
    build.onResolve({ filter: /^[a-z]/ }, ({ kind, path }) => {
      if (kind === 'require-call' || !(isBuiltin(path) || path === 'koffi')) return undefined;
      return { path, namespace: 'by-require', sideEffects: false };
    });
    build.onLoad({ filter: /^/, namespace: 'by-require' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

/** Parts of prom-client that nobody here calls, and that load much of Node. */
const UNUSED_PARTS = ['cluster', 'pushgateway', 'defaultMetrics'];

const UNUSED: Plugin = {
  name: 'unused',
  setup(build) {
    const left = new Set(UNUSED_PARTS);
    build.onLoad({ filter: /\/prom-client\/lib\/\w+\.js$/ }, ({ path }) =>
      left.delete(basename(path, '.js')) ? { contents: '' } : undefined,
    );
    build.onEnd(() => {
      if (left.size === 0) return undefined;
      return { errors: [{ text: `leave out parts of prom-client: it has no ${[...left].join(', ')}` }] };
    });
  },
};

type Output = Metafile['outputs'][string];

/** The outputs that are loaded from `start`, now or later. */
function closureOf(metafile: Metafile, start: string): readonly Output[] {
  const reached = new Set([start]);
  for (const path of reached) {
    for (const { path: next, external } of metafile.outputs[path]?.imports ?? []) {
      if (external !== true) reached.add(next);
    }
  }
  return [...reached].flatMap((path) => metafile.outputs[path] ?? []);
}

/** The Kubernetes client costs an agent 40 MB and a fifth of a second; nothing of it may get into its bundle. */
function checkAgent(metafile: Metafile): void {
  const start = Object.keys(metafile.outputs).find((path) => metafile.outputs[path]?.entryPoint === AGENT);
  if (start === undefined)
    throw new Error(`bundle ${AGENT}: no chunk of its own, want import() in fairlead.ts`);
  const inputs = closureOf(metafile, start).flatMap((output) => Object.keys(output.inputs));
  const found = inputs.find((input) => input.startsWith(CLIENT));
  if (found !== undefined) throw new Error(`bundle ${AGENT}: it loads ${found}, want nothing of the client`);
}

/** Writes the new files before it removes the old ones, so that a program that starts meanwhile finds its own. */
function replaceFiles(outdir: string, files: readonly { path: string; contents: Uint8Array }[]): void {
  mkdirSync(outdir, { recursive: true });
  for (const { path, contents } of files) writeFileSync(path, contents);
  const written = new Set(files.map(({ path }) => basename(path)));
  for (const name of readdirSync(outdir)) {
    if (/\.js(\.map)?$/.test(name) && !written.has(name)) rmSync(join(outdir, name));
  }
}

function report(metafile: Metafile): void {
  const outputs = Object.entries(metafile.outputs).filter(([path]) => path.endsWith('.js'));
  for (const [path, { bytes }] of outputs.toSorted((a, b) => b[1].bytes - a[1].bytes)) {
    console.log(`${String(Math.ceil(bytes / 1024)).padStart(6)} KiB  ${path}`);
  }
}

const { values } = parseArgs({ options: { outdir: { type: 'string', default: 'dist' } } });
const outdir = resolve(ROOT, values.outdir);
const { metafile, outputFiles } = await build({
  absWorkingDir: ROOT,
  entryPoints: { fairlead: 'src/bin/fairlead.ts', 'wire-worker': 'src/wire-worker/entry.ts' },
  outdir,
  // Beside the entries: import.meta.url in a chunk has to mean the same folder.
  chunkNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minify: true,
  keepNames: false,
  sourcemap: 'external',
  legalComments: 'none',
  external: ['koffi'],
  plugins: [BY_REQUIRE, UNUSED],
  banner: { js: REQUIRE },
  metafile: true,
  write: false,
  logLevel: 'warning',
});
checkAgent(metafile);
replaceFiles(outdir, outputFiles);
report(metafile);
