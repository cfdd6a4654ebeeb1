// Kubeconfig users with a credential plugin (exec, auth-provider), by client-node. For the controller and the CLI; the
// agent never loads this file, and so never client-node.

import type { RequestOptions } from 'node:https';
import type { Credentials } from './credentials.ts';
import { CredentialsError } from './credentials-error.ts';
import { needsPlugin, readContext } from './kubeconfig.ts';
import { kubeconfigCredentials, staticCredentials } from './kubeconfig-credentials.ts';

/** As kubeconfigCredentials, and asks the user's plugin where there is one. */
export async function pluginCredentials(path: string): Promise<Credentials> {
  const context = readContext(path);
  const plugin = needsPlugin(context.user);
  if (plugin === undefined) return kubeconfigCredentials(path);
  const source = new PluginSource(path, plugin);
  const first = await source.ask(false);
  const base = staticCredentials(context, async (isRefused) => (await source.ask(isRefused)).headers);
  const { cert, key } = first;
  // A plugin may give a certificate instead of a token; it is taken once, at the start.
  return cert === undefined || key === undefined ? base : { ...base, tls: { ...base.tls, cert, key } };
}

interface PluginAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

class PluginSource {
  readonly #path: string;
  readonly #plugin: string;
  /** client-node keeps the plugin's answer until it expires. */
  #config: import('@kubernetes/client-node').KubeConfig | undefined;

  constructor(path: string, plugin: string) {
    this.#path = path;
    this.#plugin = plugin;
  }

  async ask(isRefused: boolean): Promise<PluginAnswer> {
    try {
      // Refused: what was kept is of no use any more.
      if (isRefused || this.#config === undefined) this.#config = await this.#load();
      const options: RequestOptions = {};
      await this.#config.applyToHTTPSOptions(options);
      return { headers: bearerOf(options), cert: pemOf(options.cert), key: pemOf(options.key) };
    } catch (cause) {
      const [said] = (cause as Error).message.trim().split('\n');
      // client-node stumbles over an entry that lacks what its plugin needs.
      const reason = cause instanceof TypeError ? 'its entry is not complete' : said;
      const message = `kubeconfig "${this.#path}": user.${this.#plugin}: the plugin failed: ${reason}`;
      throw new CredentialsError(message, { cause });
    }
  }

  async #load(): Promise<import('@kubernetes/client-node').KubeConfig> {
    const { KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromFile(this.#path);
    return config;
  }
}

function bearerOf({ headers = {} }: RequestOptions): Readonly<Record<string, string>> {
  const authorization = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  return typeof authorization === 'string' ? { authorization } : {};
}

const pemOf = (value: unknown): string | undefined =>
  typeof value === 'string' || Buffer.isBuffer(value) ? value.toString('utf8') : undefined;
