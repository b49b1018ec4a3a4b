/** A part of a mapping under a name of its own. */
import { checkCount } from './arguments.ts'
import { type Bytes, toBytes } from './bytes.ts'
import { MmapMode } from './enums.ts'
import { closedError, invalidMode, outOfBounds } from './errors.ts'
import { MemoryMappedFile } from './mapped-file.ts'
import { wrongType } from './misuse.ts'
import type { MappedSliceMut } from './slice-mut.ts'

/** Looked up anew at each use, so it follows a resize. */
class Place {
  /** The mapping. */
  readonly parent: MemoryMappedFile
  /** First byte, counted from the start of the mapping. */
  readonly offset: number
  /** Bytes. */
  readonly length: number

  /** `length` bytes of `parent` from `offset` on, in any mode. Throws OutOfBounds, Closed. */
  constructor(parent: MemoryMappedFile, offset: number, length: number) {
    if (!(parent instanceof MemoryMappedFile)) throw wrongType('parent', 'a MemoryMappedFile', parent)
    checkCount('offset', offset)
    checkCount('length', length)
    this.parent = parent
    this.offset = offset
    this.length = length
    checkPlace(this)
  }

  /** Whether it has no bytes. */
  get isEmpty(): boolean {
    return this.length === 0
  }

  /** False while a shrink has cut any part of the range off, and after the mapping was closed. */
  get isValid(): boolean {
    return !this.parent.closed && isInside(this)
  }
}

const isInside = ({ parent, offset, length }: Place): boolean => length === 0 || offset + length <= parent.length

function checkPlace(place: Place): void {
  if (place.parent.closed) throw closedError()
  if (!isInside(place)) throw outOfBounds(place.offset, place.length, place.parent.length)
}

/**
 * A range of a mapping, for reading. It follows a resize: cut off by a shrink it is out of bounds, after a growth it works again.
 *
 * ```js
 * const mapping = MemoryMappedFile.openRoSync('package.json')
 * const head = new Segment(mapping, 0, 10)
 * console.log(head.isValid, head.asSlice().length)
 * mapping.close()
 * ```
 */
export class Segment extends Place {
  /** The bytes, as {@link MemoryMappedFile.asSlice} gives them. */
  asSlice(): Buffer {
    return this.parent.asSlice(this.offset, this.length)
  }
}

/** The same for writing. It can be made of a mapping in any mode; its methods throw InvalidMode on a read-only one. */
export class SegmentMut extends Place {
  /** Writable bytes, as {@link MemoryMappedFile.asSliceMut} gives them. */
  asSliceMut(): MappedSliceMut {
    return this.parent.asSliceMut(this.offset, this.length)
  }

  /**
   * Stores bytes at the segment's start, counts them as written and applies the flush policy.
   *
   * Throws as {@link MemoryMappedFile.updateRegion}. Data longer than the segment is OutOfBounds, with `offset` 0 and the segment's length
   * as `total`; nothing is stored then. So it is when a shrink has cut any part of the segment off.
   */
  write(data: Bytes): void {
    const bytes = toBytes('data', data)
    const { parent, offset, length } = this
    if (bytes.length > 0) {
      if (parent.closed) throw closedError()
      if (parent.mode === MmapMode.ReadOnly) throw invalidMode('write', parent.mode)
      if (bytes.length > length) throw outOfBounds(0, bytes.length, length)
      checkPlace(this)
    }
    parent.updateRegion(offset, bytes)
  }
}
