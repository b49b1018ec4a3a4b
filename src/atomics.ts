/**
 * Atomic integers in a mapping. Where views show the mapped memory they are elements of a typed array, for `Atomics.*`; where views are
 * copies, each operation is a native call.
 */
import type { AtomicOperation, Failure, Mapping } from '#binding'
import { checkCount } from './arguments.ts'
import { outOfBounds, settle } from './errors.ts'
import { outOfRange, wrongType } from './misuse.ts'
import type { Status } from './status.ts'
import type { Place } from './views/views.ts'

/**
 * One integer of a mapping, in the machine's byte order, shared with other threads and processes. Every operation is sequentially
 * consistent and costs little more than the one of `Atomics` does.
 *
 * Operations throw Closed after close, OutOfBounds while a shrink has cut the integer off, `TypeError` or `RangeError` for a value
 * that it cannot hold. Those that take a value and change the integer return the value before.
 */
interface AtomicCell<V> {
  /** First byte, counted from the start of the mapping. */
  readonly offset: number
  load(): V
  store(value: V): void
  /** Stores a value. */
  swap(value: V): V
  /** Adds; the sum wraps. */
  fetchAdd(value: V): V
  /** Subtracts; the difference wraps. */
  fetchSub(value: V): V
  fetchAnd(value: V): V
  fetchOr(value: V): V
  fetchXor(value: V): V
  /** Stores the value when it is greater. */
  fetchMax(value: V): V
  /** Stores the value when it is smaller. */
  fetchMin(value: V): V
  /** Returns the value found; the exchange happened if and only if that equals `expected`. */
  compareExchange(expected: V, replacement: V): V
}

/** An unsigned 64-bit integer: bigints from 0n to 2n ** 64n - 1n. */
export interface AtomicU64 extends AtomicCell<bigint> {}

/** An unsigned 32-bit integer: numbers from 0 to 2 ** 32 - 1. */
export interface AtomicU32 extends AtomicCell<number> {}

/** Integers side by side. Iterating loads one after the other; an index outside is a `RangeError`. */
export interface AtomicSlice<V, C> extends Iterable<V> {
  /** First byte, counted from the start of the mapping. */
  readonly offset: number
  /** Elements. */
  readonly length: number
  /** One of them. */
  at(index: number): C
  load(index: number): V
  store(index: number, value: V): void
  /** Adds and returns the value before; the sum wraps. */
  fetchAdd(index: number, value: V): V
}

export interface AtomicU64Slice extends AtomicSlice<bigint, AtomicU64> {}
export interface AtomicU32Slice extends AtomicSlice<number, AtomicU32> {}

/** What an operation works on: a typed array, or what stands in for one. */
interface Elements {
  readonly length: number
}

/** The functions of `Atomics`, for one type of value. */
interface Operations<V> {
  load(elements: Elements, index: number): V
  store(elements: Elements, index: number, value: V): V
  exchange(elements: Elements, index: number, value: V): V
  add(elements: Elements, index: number, value: V): V
  sub(elements: Elements, index: number, value: V): V
  and(elements: Elements, index: number, value: V): V
  or(elements: Elements, index: number, value: V): V
  xor(elements: Elements, index: number, value: V): V
  compareExchange(elements: Elements, index: number, expected: V, replacement: V): V
}

/** A type of integer. */
export interface IntegerType<V> {
  readonly bytes: number
  view(place: Place, count: number): Elements
  apply(native: Mapping, operation: AtomicOperation, offset: number, value: V | undefined): V | Failure
  compareExchange(native: Mapping, offset: number, expected: V, replacement: V): V | Failure
}

function checkU64(name: string, value: unknown): void {
  if (typeof value !== 'bigint') throw wrongType(name, 'a bigint', value)
  if (BigInt.asUintN(64, value) !== value) throw outOfRange(name, 'from 0n to 2n ** 64n - 1n', value)
}

function checkU32(name: string, value: unknown): void {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (value >>> 0 !== value) throw outOfRange(name, 'an integer from 0 to 4294967295', value)
}

export const U64: IntegerType<bigint> = {
  bytes: 8,
  view: ({ buffer, byteOffset }, count) => new BigUint64Array(buffer, byteOffset, count),
  apply: (native, operation, offset, value = 0n) => native.atomicU64(operation, offset, value),
  compareExchange: (native, offset, expected, replacement) => native.compareExchangeU64(offset, expected, replacement),
}

export const U32: IntegerType<number> = {
  bytes: 4,
  view: ({ buffer, byteOffset }, count) => new Uint32Array(buffer, byteOffset, count),
  apply: (native, operation, offset, value = 0) => native.atomicU32(operation, offset, value),
  compareExchange: (native, offset, expected, replacement) => native.compareExchangeU32(offset, expected, replacement),
}

/** What integers need of their mapping. */
export interface IntegerOwner {
  readonly path: string | null
  readonly native: Mapping
  readonly status: Status
  /** Length of the mapping, or an error when it is closed. */
  openLength(): number
  /** Throws when pages of the range were lost. */
  refuseLost(offset: number, length: number): void
  /** Where bytes lie; undefined where views do not show the mapping's own memory. */
  place(offset: number, length: number): Place | undefined
}

/** Integers side by side, in a range that was checked. */
class Integers<V> {
  readonly #offset: number
  readonly #type: IntegerType<V>
  readonly #owner: IntegerOwner
  readonly #status: Status
  readonly #count: number
  readonly #bytes: number
  readonly #end: number
  readonly #operations: Operations<V>
  #elements: Elements

  constructor(type: IntegerType<V>, owner: IntegerOwner, offset: number, count: number) {
    this.#offset = offset
    this.#type = type
    this.#owner = owner
    this.#status = owner.status
    this.#count = count
    this.#bytes = type.bytes
    this.#end = offset + count * type.bytes
    const view = this.#view()
    this.#elements = view ?? { length: count }
    this.#operations = view === undefined ? nativeOperations(type, owner, offset) : (Atomics as unknown as Operations<V>)
  }

  load(index: number): V {
    return this.#sound(this.#operations.load(this.#reach(index), index), index)
  }

  store(index: number, value: V): void {
    this.#check('value', value)
    this.#sound(this.#operations.store(this.#reach(index), index, value), index)
  }

  swap(index: number, value: V): V {
    this.#check('value', value)
    return this.#sound(this.#operations.exchange(this.#reach(index), index, value), index)
  }

  add(index: number, value: V): V {
    this.#check('value', value)
    return this.#sound(this.#operations.add(this.#reach(index), index, value), index)
  }

  sub(index: number, value: V): V {
    this.#check('value', value)
    return this.#sound(this.#operations.sub(this.#reach(index), index, value), index)
  }

  and(index: number, value: V): V {
    this.#check('value', value)
    return this.#sound(this.#operations.and(this.#reach(index), index, value), index)
  }

  or(index: number, value: V): V {
    this.#check('value', value)
    return this.#sound(this.#operations.or(this.#reach(index), index, value), index)
  }

  xor(index: number, value: V): V {
    this.#check('value', value)
    return this.#sound(this.#operations.xor(this.#reach(index), index, value), index)
  }

  compareExchange(index: number, expected: V, replacement: V): V {
    this.#check('expected', expected)
    this.#check('replacement', replacement)
    return this.#sound(this.#operations.compareExchange(this.#reach(index), index, expected, replacement), index)
  }

  replaceIf(isWanted: (found: V) => boolean, index: number, value: V): V {
    this.#check('value', value)
    const elements = this.#reach(index)
    let found = this.#operations.load(elements, index)
    while (isWanted(found)) {
      const seen = this.#operations.compareExchange(elements, index, found, value)
      if (seen === found) break
      found = seen
    }
    return this.#sound(found, index)
  }

  /** One of them by itself. */
  at(index: number): Cell<V> {
    this.#reach(index)
    return new Cell(this.#type, this.#owner, this.#offset + index * this.#bytes)
  }

  #check(name: string, value: V): void {
    // No method of the type: a call that leads here and there is not inlined, which costs as much as the addition.
    if (this.#bytes === 8) checkU64(name, value)
    else checkU32(name, value)
  }

  /** For an operation on the element with this index, which is one of them. */
  #reach(index: number): Elements {
    // So it is after close, too.
    if (this.#end > this.#status.length) this.#checkStillThere(index)
    if (this.#status.flags !== 0) this.#refuseLost(index)
    // A resize may have emptied the views.
    if (this.#elements.length === 0) this.#elements = this.#view() ?? this.#elements
    return this.#elements
  }

  /** What an operation on the element with this index gave: nothing true when its page was lost meanwhile. */
  #sound<T>(result: T, index: number): T {
    if (this.#status.flags !== 0) this.#refuseLost(index)
    return result
  }

  #refuseLost(index: number): void {
    this.#owner.refuseLost(this.#offset + index * this.#bytes, this.#bytes)
  }

  /** A shrink has cut off some of the integers, or all. */
  #checkStillThere(index: number): void {
    const total = this.#owner.openLength()
    const offset = this.#offset + index * this.#bytes
    if (offset + this.#bytes > total) throw outOfBounds(offset, this.#bytes, total)
  }

  #view(): Elements | undefined {
    const place = this.#owner.place(this.#offset, this.#count * this.#bytes)
    return place && this.#type.view(place, this.#count)
  }
}

function nativeOperations<V>(type: IntegerType<V>, { native, path }: IntegerOwner, start: number): Operations<V> {
  const at = (index: number) => start + index * type.bytes
  const operation = (name: AtomicOperation) => (_: Elements, index: number, value?: V) =>
    settle(type.apply(native, name, at(index), value), path)
  return {
    load: operation('load'),
    store: operation('store'),
    exchange: operation('exchange'),
    add: operation('add'),
    sub: operation('sub'),
    and: operation('and'),
    or: operation('or'),
    xor: operation('xor'),
    compareExchange: (_, index, expected, replacement) => settle(type.compareExchange(native, at(index), expected, replacement), path),
  }
}

export class Cell<V> implements AtomicCell<V> {
  readonly offset: number
  readonly #integers: Integers<V>

  constructor(type: IntegerType<V>, owner: IntegerOwner, offset: number) {
    this.offset = offset
    this.#integers = new Integers(type, owner, offset, 1)
  }

  load(): V {
    return this.#integers.load(0)
  }

  store(value: V): void {
    this.#integers.store(0, value)
  }

  swap(value: V): V {
    return this.#integers.swap(0, value)
  }

  fetchAdd(value: V): V {
    return this.#integers.add(0, value)
  }

  fetchSub(value: V): V {
    return this.#integers.sub(0, value)
  }

  fetchAnd(value: V): V {
    return this.#integers.and(0, value)
  }

  fetchOr(value: V): V {
    return this.#integers.or(0, value)
  }

  fetchXor(value: V): V {
    return this.#integers.xor(0, value)
  }

  fetchMax(value: V): V {
    return this.#integers.replaceIf((found) => found < value, 0, value)
  }

  fetchMin(value: V): V {
    return this.#integers.replaceIf((found) => found > value, 0, value)
  }

  compareExchange(expected: V, replacement: V): V {
    return this.#integers.compareExchange(0, expected, replacement)
  }
}

export class Slice<V> implements AtomicSlice<V, AtomicCell<V>> {
  readonly offset: number
  readonly length: number
  readonly #integers: Integers<V>

  constructor(type: IntegerType<V>, owner: IntegerOwner, offset: number, count: number) {
    this.offset = offset
    this.length = count
    this.#integers = new Integers(type, owner, offset, count)
  }

  at(index: number): AtomicCell<V> {
    this.#checkIndex(index)
    return this.#integers.at(index)
  }

  load(index: number): V {
    this.#checkIndex(index)
    return this.#integers.load(index)
  }

  store(index: number, value: V): void {
    this.#checkIndex(index)
    this.#integers.store(index, value)
  }

  fetchAdd(index: number, value: V): V {
    this.#checkIndex(index)
    return this.#integers.add(index, value)
  }

  *[Symbol.iterator](): Iterator<V> {
    for (let index = 0; index < this.length; index++) yield this.load(index)
  }

  #checkIndex(index: number): void {
    checkCount('index', index)
    if (index >= this.length) throw outOfRange('index', `below ${this.length}, the number of elements`, index)
  }
}
