// Structured logs by pino: a constant message with key/value pairs, JSON for collectors, readable lines on a terminal.
// Shells receive the Log interface; only bin/ constructs one.

import { type Logger, pino } from 'pino';

export type LogValues = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, values?: LogValues): void;
  info(message: string, values?: LogValues): void;
  warn(message: string, values?: LogValues): void;
  error(message: string, values?: LogValues): void;
  fatal(message: string, values?: LogValues): void;
  /** A log that adds these values to every line. */
  child(values: LogValues): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface LogOptions {
  readonly level: LogLevel;
  /** Readable lines instead of JSON. */
  readonly isPretty: boolean;
  /** Colours in readable lines. */
  readonly hasColor: boolean;
  /** Which program writes; a field of every JSON line. */
  readonly component: string;
}

/** Logs to standard output, synchronously: a line that was logged is out before the process can exit. */
export async function createLog(options: LogOptions): Promise<Log> {
  const settings = {
    level: options.level,
    base: { component: options.component },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
    serializers: { error: describeError },
  };
  return wrap(
    pino(
      settings,
      options.isPretty ? await prettyStream(options.hasColor) : pino.destination({ dest: 1, sync: true }),
    ),
  );
}

/** pino-pretty is loaded only where somebody reads along. */
async function prettyStream(colorize: boolean): Promise<import('pino').DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({
    sync: true,
    colorize,
    ignore: 'component',
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
    // On one line like every other value.
    errorLikeObjectKeys: [],
    messageKey: 'msg',
  });
}

/** An expected failure (it has a stable code) is one line; anything else is a bug of ours and keeps its stack. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? String(error.code) : undefined;
  if (code !== undefined) {
    const cause = error.cause instanceof Error ? error.cause.message : '';
    return { code, message: error.message, ...(error.message.includes(cause) ? {} : { cause }) };
  }
  return { name: error.name, message: error.message, stack: error.stack };
}

function wrap(logger: Logger): Log {
  return {
    debug: (message, values = {}) => logger.debug(values, message),
    info: (message, values = {}) => logger.info(values, message),
    warn: (message, values = {}) => logger.warn(values, message),
    error: (message, values = {}) => logger.error(values, message),
    fatal: (message, values = {}) => logger.fatal(values, message),
    child: (values) => wrap(logger.child(values)),
  };
}
