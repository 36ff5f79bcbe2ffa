/*
 * The library: what the command line does, as functions. The command line uses nothing else.
 */
export { type ErrorCode, exitCodes, TreekeeperError } from './errors.ts';
export { type BackupOptions, type BackupResult, type BackupSource, backup } from './operations/backup.ts';
export { type CheckOptions, type CheckResult, check, type Finding } from './operations/check.ts';
export { connect, type Surroundings } from './operations/connect.ts';
export { type Comparison, compare, type Side, sideReader } from './operations/diff.ts';
export type { Guard } from './operations/guards.ts';
export { type ClearInHistory, clearValues, clearValuesInHistory } from './operations/in-clear.ts';
export { initRepository } from './operations/init.ts';
export { history, type KeyChange, type LogEntry } from './operations/log.ts';
export { type OpenRepository, openForBackup, openForReading } from './operations/open.ts';
export { adoptPlan, readPlan, requireSameService, snapshotOf, writePlan } from './operations/plan-file.ts';
export { type PlanOptions, planRestore, type RestorePlan, type RestoreRequest } from './operations/plan-restore.ts';
export { proveSealed } from './operations/prove-sealed.ts';
export { type Policy, type ReadResult, readService, type Visitor } from './operations/read.ts';
export type { Move } from './operations/relocate.ts';
export { type ApplyOptions, applyPlan, type Done } from './operations/restore.ts';
export { type Located, locate } from './operations/revision.ts';
export { configuredSigner } from './operations/signing.ts';
export { type RemoteStatus, remoteStatuses, type StoreStatus, storeStatuses } from './operations/status.ts';
export { configuredTrust, requireTrusted, type Trust } from './operations/trust.ts';
export { type Verification, verify } from './operations/verify.ts';
export type { Identity, Outcome, ReadEvent, Reading, Service, Traits } from './services/service.ts';
export type { Change } from './snapshot/diff.ts';
export type { Attributes, Json, Node } from './snapshot/node.ts';
export { countVerdicts, type Plan, type Step, type Verdict } from './snapshot/plan.ts';
export type { Signer, SigningKey } from './snapshot/signing-key.ts';
export { type Entry, findNode, openSnapshot, type Snapshot, walkSnapshot } from './snapshot/walk.ts';
