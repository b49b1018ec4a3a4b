/** The numbers about a mapped file that all its holders share; the layout stands in crates/core/src/status.rs. */
import type { Mapping } from '#binding'
import { showStatusChunk, statusChunk } from '#binding'
import { MmapIoError, settle } from './errors.ts'
import { allowsExternal, canUseMemory } from './views/mode.ts'
import { fillMemory } from './views/wasm.ts'

const SLOTS_PER_CHUNK = 1024
const CHUNK = 65_536
const WORDS = 16
const DOUBLES = 8
const FLAGS = 0
const LENGTH = 1
const FLUSHED = 3
const WRITTEN_LOW = 4
const WRITTEN_HIGH = 5
const WRITES = 8
const FLUSHED_WRITES = 9
const WRITTEN_FIRST = 5
const TWO_32 = 2 ** 32

interface Chunk {
  readonly words: Uint32Array
  readonly doubles: Float64Array
}

const chunks: Chunk[] = []

/** Where the runtime has no buffers over other memory, the slots are shown in a memory of its own. */
const chunkInMemory = (number: number): ArrayBuffer =>
  fillMemory(CHUNK, (bytes, token) => settle(showStatusChunk(number, bytes, token), null))

const viewsOf = (buffer: ArrayBuffer): Chunk => ({ words: new Uint32Array(buffer), doubles: new Float64Array(buffer) })

function chunkOf(slot: number): Chunk {
  const number = Math.floor(slot / SLOTS_PER_CHUNK)
  const buffer = chunks[number]?.words.buffer ?? settle(allowsExternal ? statusChunk(number) : chunkInMemory(number), null)
  if (buffer === undefined) throw new MmapIoError('Unsupported', `No status slot ${slot}; two versions of the addon are mixed`)
  chunks[number] ??= viewsOf(buffer as ArrayBuffer)
  return chunks[number]
}

/** `isFirst`: for the object that opened the file, and not for one that was attached. It has a counter of its own. */
export function createStatus(native: Mapping, isFirst: boolean): Status {
  if (!allowsExternal && !canUseMemory) return new CopiedStatus(native)
  return new Status(chunkOf(native.slot), native.slot % SLOTS_PER_CHUNK, isFirst)
}

/** The slot of a mapping that is closed. */
const gone = viewsOf(new ArrayBuffer(4 * WORDS))

export class Status {
  #words: Uint32Array
  #doubles: Float64Array
  readonly #isFirst: boolean

  constructor({ words, doubles }: Chunk, place: number, isFirst: boolean) {
    this.#words = words.subarray(place * WORDS, (place + 1) * WORDS)
    this.#doubles = doubles.subarray(place * DOUBLES, (place + 1) * DOUBLES)
    this.#isFirst = isFirst
  }

  /** When the mapping closes: from here on it has no bytes, whatever becomes of the slot. */
  leave(): void {
    this.#words = gone.words
    this.#doubles = gone.doubles
  }

  /** What is the matter with the pages: 0 while none was lost. */
  get flags(): number {
    return this.#words[FLAGS] as number
  }

  /** The word of `flags` itself. */
  get flagsWord(): Uint32Array {
    return this.#words.subarray(FLAGS, FLAGS + 1)
  }

  /** Length of the mapping in bytes. */
  get length(): number {
    return this.#doubles[LENGTH] as number
  }

  /** Counts bytes as written. */
  count(bytes: number): void {
    if (this.#isFirst) (this.#doubles[WRITTEN_FIRST] as number) += bytes
    else this.#countWithOthers(bytes)
  }

  #countWithOthers(bytes: number): void {
    const low = bytes < TWO_32 ? bytes : bytes % TWO_32
    const before = Atomics.add(this.#words, WRITTEN_LOW, low)
    if (before + low >= TWO_32 || low !== bytes) {
      const carry = before + low >= TWO_32 ? 1 : 0
      Atomics.add(this.#words, WRITTEN_HIGH, (bytes - low) / TWO_32 + carry)
    }
  }

  /** Counts a write, for the policy that asks for their number. */
  countWrite(): void {
    Atomics.add(this.#words, WRITES, 1)
  }

  /** Bytes written since the file was mapped. A carry that another thread has still to add makes it too small for a moment. */
  get written(): number {
    const others = Atomics.load(this.#words, WRITTEN_HIGH) * TWO_32 + Atomics.load(this.#words, WRITTEN_LOW)
    return others + (this.#doubles[WRITTEN_FIRST] as number)
  }

  /** Bytes written since the last flush of the whole. */
  get pendingBytes(): number {
    return Math.max(0, this.written - (this.#doubles[FLUSHED] as number))
  }

  /** Writes since the last flush of the whole. */
  get pendingWrites(): number {
    const writes = Atomics.load(this.#words, WRITES)
    return (writes - Atomics.load(this.#words, FLUSHED_WRITES)) >>> 0
  }
}

/** Where slots cannot be shown at all (Electron on Windows), each look at one is a native call. */
class CopiedStatus extends Status {
  readonly #native: Mapping
  readonly #bytes: Uint8Array

  constructor(native: Mapping) {
    const buffer = new ArrayBuffer(4 * WORDS)
    super(viewsOf(buffer), 0, false)
    this.#native = native
    this.#bytes = new Uint8Array(buffer)
  }

  override get flags(): number {
    this.#look()
    return super.flags
  }

  /** As it was at the last look. */
  override get flagsWord(): Uint32Array {
    this.#look()
    return super.flagsWord
  }

  override get length(): number {
    this.#look()
    return super.length
  }

  /** The write itself is counted with its bytes. */
  override count(bytes: number): void {
    this.#native.countWritten(bytes)
  }

  override countWrite(): void {}

  override get written(): number {
    this.#look()
    return super.written
  }

  override get pendingWrites(): number {
    this.#look()
    return super.pendingWrites
  }

  #look(): void {
    this.#native.copyStatus(this.#bytes)
  }
}
