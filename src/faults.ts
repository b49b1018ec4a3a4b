/** Lost pages: who is told of them, and that the signal handler which repairs them stays in its place. */
import { isMainThread } from 'node:worker_threads'
import type { Mapping } from '#binding'
import { onFault, reinstallGuard } from '#binding'
import type { Status } from './status.ts'
import { emptied } from './views/emptied.ts'

/** What is asked after a fault. The mapping that it belongs to keeps it alive, and nobody else. */
export interface Hearer {
  hear(): void
}

const hearers = new Set<WeakRef<Hearer>>()

/** How many there may be before those that are gone are looked for. */
let enough = 64
let listening = false

/** `hearer` is asked soon after each fault, in whatever mapping, and after a flush failed that nobody waits for. */
export function hearFaults(hearer: Hearer): void {
  // Without a descriptor or a thread to be had, the next mapping tries again.
  if (!listening) {
    listening = onFault(askAll)
    if (listening) keepHandler()
  }
  if (hearers.size >= enough) {
    forgetGone()
    enough = Math.max(64, 2 * hearers.size)
  }
  hearers.add(new WeakRef(hearer))
}

function askAll(): void {
  for (const reference of hearers) reference.deref()?.hear()
}

function forgetGone(): void {
  for (const reference of hearers) if (reference.deref() === undefined) hearers.delete(reference)
}

/**
 * `process.on('SIGBUS')` puts a handler of libuv in the place of the guard's, and taking the last listener away puts the default action
 * there. Node's own listeners for these events come before ours: its part is done when ours run.
 */
function keepHandler(): void {
  if (!isMainThread) return
  const keep = (name: string | symbol) => {
    if (name === 'SIGBUS') reinstallGuard()
  }
  process.on('newListener', keep)
  process.on('removeListener', keep)
}

/** The mapping that a word belongs to: as long as the word is in use, its memory must not become another file's. */
const owners = new WeakMap<ArrayBufferLike, Mapping>()

/** The word that tells the health of a mapping's pages: a buffer of its own, where the runtime allows that. */
export function faultWord(native: Mapping, status: Status): Uint32Array {
  const buffer = native.faultWord()
  if (buffer === undefined) return status.flagsWord
  owners.set(buffer, native)
  return new Uint32Array(buffer)
}

export function emptyFaultWord({ buffer }: Uint32Array): void {
  if (owners.has(buffer)) emptied(buffer as ArrayBuffer)
}
