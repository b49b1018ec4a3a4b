// What there is to call: everything that the package exports, or that its native binding does, found by looking.
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import contents from '#package' with { type: 'json' }
import { root } from '../lib/run.mjs'

/** What is called of objects that are not ours. */
const foreign = new Map([
  [Readable.prototype, ['read', 'destroy', 'resume', 'pause']],
  [ReadableStream.prototype, ['cancel', 'getReader', 'tee']],
  [ReadableStreamDefaultReader.prototype, ['read', 'cancel', 'releaseLock']],
  [Response.prototype, ['arrayBuffer', 'text', 'clone']],
])
const generators = Object.getPrototypeOf(function* () {}).prototype
const asyncGenerators = Object.getPrototypeOf(async function* () {}).prototype
const iterators = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()))
const ends = new Set([Object.prototype, Function.prototype, EventEmitter.prototype, null])

/** Namespaces by name. */
export async function load(surface) {
  if (surface === 'binding') return { binding: { ...(await import('#binding')) } }
  const entries = Object.entries(contents.exports).filter(([, entry]) => entry.default?.endsWith('.js'))
  const loaded = entries.map(async ([name, entry]) => [name, { ...(await import(pathToFileURL(join(root, entry.default)).href)) }])
  return Object.fromEntries(await Promise.all(loaded))
}

/** The functions and classes of a namespace, and the static methods of its classes. */
export function* functionsOf(namespace, prefix = '') {
  for (const [name, value] of Object.entries(namespace)) {
    const title = prefix + name
    if (typeof value === 'function') {
      yield { title, name, call: value, owner: undefined, isClass: isClass(value) }
      for (const [key, { value: method }] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
        if (typeof method === 'function') yield { title: `${title}.${key}`, name: key, call: method, owner: value, isClass: false }
      }
    } else if (typeof value === 'object' && value !== null && prefix === '') yield* functionsOf(value, `${title}.`)
  }
}

const isClass = (value) =>
  /^class\b/.test(Function.prototype.toString.call(value)) || Object.getOwnPropertyNames(value.prototype ?? {}).length > 1

/** Methods, getters and setters of an object; a member is what `Object.getOwnPropertyDescriptor` tells, its name and its class. */
export function membersOf(object) {
  const members = []
  let prototype = typeof object === 'function' ? object : Object.getPrototypeOf(object)
  if (prototype === Object.prototype) prototype = object
  for (; !ends.has(prototype); prototype = Object.getPrototypeOf(prototype)) {
    const isGlobal = prototype.constructor !== undefined && globalThis[prototype.constructor.name] === prototype.constructor
    if (isGlobal || foreign.has(prototype)) {
      for (const key of foreign.get(prototype) ?? []) members.push({ key, className: 'foreign', value: prototype[key] })
      break
    }
    if (prototype === iterators || prototype === generators || prototype === asyncGenerators) {
      for (const key of ['next', 'return', Symbol.iterator])
        if (key in object) members.push({ key, className: 'iterator', value: object[key] })
      break
    }
    const className = prototype.constructor?.name ?? 'object'
    for (const key of Reflect.ownKeys(prototype)) {
      if (key !== 'constructor') members.push({ key, className, ...Object.getOwnPropertyDescriptor(prototype, key) })
    }
  }
  return members
}
