/** What `inspect` finds out about one file. */
import { stat } from 'node:fs/promises'
import { MemoryMappedFile, pageSize } from '../../index.ts'
import { fileSystemOf } from './file-system.ts'
import { formatMode } from './format/mode.ts'
import { guessType, SAMPLE } from './guess-type.ts'
import { type MeasuredResidency, measureResidency, type UnknownResidency } from './residency.ts'

export interface FileFacts {
  readonly path: string
  readonly size: number
  readonly type: string
  readonly mode: string
  readonly fileSystem: string
  readonly allocatedBytes: number
  readonly pageSize: number
  readonly residency: MeasuredResidency | UnknownResidency
  /** The first bytes. */
  readonly head: Uint8Array
}

const HEAD = 64
const CELLS = 64
/** The unit of `stat.blocks`, whatever the block size of the file system is. */
const STAT_BLOCK = 512

export async function gatherFacts(path: string): Promise<FileFacts> {
  // Mapping comes first: it refuses what is no regular file, without waiting for the other end of a FIFO.
  const mapping = await MemoryMappedFile.openRo(path)
  try {
    const size = mapping.length
    // Before the first byte is read, since reading brings pages into memory.
    const residency = await measureResidency(mapping, CELLS)
    // A copy: what guesses the type may still be at work on its bytes when the mapping closes.
    const sample = Buffer.from(mapping.asSlice(0, Math.min(SAMPLE, size)))
    const { mode, blocks } = await stat(path)
    return {
      path,
      size,
      type: await guessType(sample, sample.length === size),
      mode: formatMode(mode),
      fileSystem: await fileSystemOf(path),
      allocatedBytes: blocks * STAT_BLOCK,
      pageSize: pageSize(),
      residency,
      head: sample.subarray(0, HEAD),
    }
  } finally {
    mapping.close()
  }
}

/** Whether fewer bytes are stored than the file has. */
export const isSparse = ({ allocatedBytes, size }: FileFacts): boolean => allocatedBytes < size
