/** What a mapping may do with its file. */
export const MmapMode = {
  /** Reads. Stores into views are possible, stay in this mapping and never reach the file. */
  ReadOnly: 'read-only',
  /** Reads and writes; stores reach the file and every other mapping of it. */
  ReadWrite: 'read-write',
  /** Reads and writes; stores are seen through this mapping alone and never reach the file. */
  CopyOnWrite: 'copy-on-write',
} as const
export type MmapMode = (typeof MmapMode)[keyof typeof MmapMode]

/** How a range is going to be used: a hint to the operating system, which never changes bytes. */
export const MmapAdvice = {
  Normal: 'normal',
  Random: 'random',
  Sequential: 'sequential',
  WillNeed: 'will-need',
  DontNeed: 'dont-need',
} as const
export type MmapAdvice = (typeof MmapAdvice)[keyof typeof MmapAdvice]

/** What happened to a watched file. */
export const ChangeKind = { Modified: 'modified', Metadata: 'metadata', Removed: 'removed' } as const
export type ChangeKind = (typeof ChangeKind)[keyof typeof ChangeKind]

/** When the pages of a mapping are loaded: `eager` at opening, else when they are first used. */
export const TouchHint = { Never: 'never', Eager: 'eager', Lazy: 'lazy' } as const
export type TouchHint = (typeof TouchHint)[keyof typeof TouchHint]

/** When writes made through the mapping are flushed by themselves. Default `'manual'`. A number of 0 means `'manual'`. */
export type FlushPolicy = 'never' | 'manual' | 'always' | { everyBytes: number } | { everyWrites: number } | { everyMillis: number }

/** How JavaScript sees the memory. */
export type ViewMode = 'external' | 'shared' | 'wasm' | 'copy'

/** What a 'fault' event tells: pages that the operating system could not supply or store. Offset and length in bytes. */
export type FaultEvent = { kind: 'Truncated' | 'IoFault' | 'LostWrites'; offset: number; length: number }
