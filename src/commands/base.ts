import { type BaseContext, Command, type CommandClass, Option } from 'clipanion';
import { type Config, loadConfig } from '../config/config.ts';
import { exitCodes, reasonOf, TreekeeperError } from '../errors.ts';
import type { Surroundings } from '../operations/connect.ts';
import { repositoryPlace } from '../operations/place.ts';
import { configuredSigner } from '../operations/signing.ts';
import { configuredTrust } from '../operations/trust.ts';
import { openPrinter, type Printer, type Streams } from '../report/printer.ts';
import { type Style, styleFor } from '../report/style.ts';
import { pageOutput } from './page-output.ts';
import { askPassphrase } from './passphrase.ts';
import { findSecrets } from './secrets.ts';

/** What the program gives every verb beside its arguments. */
export interface Context extends BaseContext {
  readonly directory: string;
  readonly signal: AbortSignal;
  /** The classes of a verb, or of all verbs; none where there is no such verb. */
  loadVerbs(name?: string): Promise<CommandClass<Context>[]>;
}

/** What a verb works with once the common options are read. */
export interface Session {
  readonly printer: Printer;
  readonly repositoryPath: string;
  readonly surroundings: Surroundings;
  readonly signal: AbortSignal;
}

/** How long a single request to a service may take, in seconds, unless told otherwise. */
const defaultTimeout = 10;

/** The same for what a remote says nothing: its hooks may look through a whole push before it answers. */
const defaultRemoteTimeout = 60;

const signingHint =
  'name its passphraseFile or passphraseEnv at `sign` in the configuration, or leave the key to gpg and its agent';

/** A verb: parses its arguments, calls one operation and prints. The only place where errors become exit codes. */
export abstract class BaseCommand extends Command<Context> {
  repo = Option.String('--repo', {
    description: 'The repository (else TREEKEEPER_REPO, the configuration, ./snapshots.git)',
  });
  config = Option.String('--config', { description: 'The configuration file (else treekeeper.yaml here or above)' });
  json = Option.Boolean('--json', false, { description: 'Print lines of JSON' });
  quiet = Option.Boolean('-q,--quiet', false, { description: 'No talk and no progress on stderr' });
  color = Option.String('--color', {
    description: 'As --color=auto (on a terminal, unless NO_COLOR is set: the default), always or never',
    tolerateBoolean: true,
  });
  noPager = Option.Boolean('--no-pager', false, { description: 'No pager for long output on a terminal' });
  keyFile = Option.String('--key-file', {
    description: 'The OpenPGP secret key for encrypted values (else TREEKEEPER_KEY_FILE, else gpg)',
  });
  passphraseFile = Option.String('--passphrase-file', {
    description: 'A file with the passphrase of that key, or of the values (else TREEKEEPER_[KEY_]PASSPHRASE[_FILE])',
  });
  signers = Option.Array('--signer', {
    description:
      'Restore and fetch only what this key signed: its full fingerprint (else `trust` of the configuration)',
  });
  allowUnverified = Option.Boolean('--allow-unverified', false, {
    description: 'Take snapshots that nobody trusted has signed all the same, with a warning',
  });
  allowOtherHistory = Option.Boolean('--allow-other-history', false, {
    description: 'Take the branch of a remote also where it does not come from what was seen there last',
  });
  timeout = Option.String('--timeout', {
    description: 'Seconds that one request to a service may take (10), and that a remote may say nothing (60)',
  });

  /** Whether what the verb prints is for reading, and may be more than a terminal shows at once. */
  protected readonly isLong: boolean = false;

  /** Does the work; answers the exit code where it is not 0. */
  protected abstract run(session: Session): Promise<number | undefined>;

  override async execute(): Promise<number> {
    if (!this.isLong) return this.runWith(this.context);
    const paged = pageOutput(this.context, !this.noPager);
    const status = await this.runWith(paged);
    await paged.finish();
    return status;
  }

  private async runWith({ stdout, stderr }: Streams): Promise<number> {
    const { env, signal } = this.context;
    const open = (style?: Style) =>
      openPrinter({ stdout, stderr }, { json: this.json, quiet: this.quiet, ...(style && { style }) });
    let printer = open();
    try {
      printer = open(styleFor(colorWord(this.color), stdout, env));
      return (await this.run(await this.openSession(printer))) ?? 0;
    } catch (thrown) {
      printer.progress('');
      const error = signal.aborted ? interruption(signal) : asError(thrown);
      printer.fail(error);
      return exitCodes[error.code];
    } finally {
      printer.flush();
    }
  }

  private async openSession(printer: Printer): Promise<Session> {
    const { env: environment, directory, signal } = this.context;
    const config = await loadConfig(this.config, directory);
    const timeout = Number(this.timeout ?? defaultTimeout) * 1000;
    if (!(timeout > 0 && timeout < 2 ** 31))
      throw new TreekeeperError('usage', `--timeout ${this.timeout} is not a number of seconds`);
    const trust = {
      ...configuredTrust(config, this.signers),
      ...(this.allowUnverified && { unverified: printer.warn }),
      otherHistory: this.allowOtherHistory,
    };
    const signer = configuredSigner(config, environment, () =>
      askPassphrase('the signing key', signingHint, this.context),
    );
    const repositoryPath = this.repositoryPath(config);
    const isOtherRepository =
      config?.repository !== undefined && repositoryPath !== repositoryPlace(config.repository, config.directory);
    return {
      printer,
      repositoryPath,
      surroundings: {
        config,
        isOtherRepository,
        environment,
        timeout,
        signal,
        remoteTimeout: this.timeout === undefined ? defaultRemoteTimeout * 1000 : timeout,
        trust,
        ...findSecrets(this, config, this.context),
        ...(signer && { signer }),
      },
      signal,
    };
  }

  private repositoryPath(config: Config | undefined): string {
    const { directory, env } = this.context;
    const given = this.repo ?? env['TREEKEEPER_REPO'];
    if (given) return repositoryPlace(given, directory);
    return repositoryPlace(
      config?.repository ?? 'snapshots.git',
      config?.repository === undefined ? directory : config.directory,
    );
  }
}

/** `--color` and `--no-color` without a word are what git takes them for. */
function colorWord(option: string | boolean | undefined): string | undefined {
  return typeof option === 'boolean' ? (option ? 'always' : 'never') : option;
}

/** A stopped run is told as such, whatever it was that noticed first. */
function interruption(signal: AbortSignal): TreekeeperError {
  const code = signal.reason === 'SIGTERM' ? 'terminated' : 'interrupted';
  return new TreekeeperError(code, 'stopped', { hint: 'nothing is half done; run it again to go on' });
}

function asError(thrown: unknown): TreekeeperError {
  if (thrown instanceof TreekeeperError) return thrown;
  return new TreekeeperError('failed', `a defect in treekeeper: ${reasonOf(thrown)}`, {
    hint: `please report it, with this: ${thrown instanceof Error ? thrown.stack?.split('\n').slice(1, 4).join(' ').replace(/\s+/g, ' ') : ''}`,
    cause: thrown,
  });
}
