// One run: so many random calls, each written to a log before it is made, so that the last line names the one that ended the process.
// Ends with code 0 when every call ended as it may, and with 1 and a reason on stderr when one did not. FUZZ_PLANT puts in a mistake
// that must be found.
import { closeSync, openSync, writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { inspect, parseArgs, types } from 'node:util'
import { isDeclared, isKnown, parametersOf } from './declarations.mjs'
import { complaint, nativeComplaint } from './judge.mjs'
import { randomFrom } from './random.mjs'
import { functionsOf, load, membersOf } from './surface.mjs'
import { Thrown, valuesFrom } from './values.mjs'
import { World } from './world.mjs'

const { values: given } = parseArgs({
  options: {
    seed: { type: 'string' },
    surface: { type: 'string' },
    first: { type: 'string' },
    calls: { type: 'string' },
    log: { type: 'string' },
    small: { type: 'boolean' },
  },
})
const [first, calls] = [Number(given.first), Number(given.calls)]
const isNative = given.surface === 'binding'
const api = await import('#mmap-io')
const namespaces = await load(given.surface)
const functions = Object.values(namespaces).flatMap((namespace) => [...functionsOf(namespace)])
const world = new World(process.cwd(), api, { isNative, isSmall: given.small })
const log = openSync(given.log, 'a')

const counts = { value: 0, MmapIoError: 0, misuse: 0, other: 0 }
/** Members that were called, and whether that ever gave a value. */
const seen = {}
let pending = []

process.on('uncaughtException', (error) => {
  // A class that is called as a listener, say: whoever passes that is told so.
  const wrong = isNative ? nativeComplaint(error) : complaint(error, api, true)
  if (wrong !== undefined) fail(error, wrong)
})
process.on('unhandledRejection', (error) => {
  if (!(error instanceof Thrown)) fail(error, 'a rejection that no call returned')
})

function fail(error, reason) {
  console.error(`${reason}: ${error?.stack ?? String(error)}`)
  process.exit(1)
}

function judge(title, error, wrongThis) {
  counts[error instanceof api.MmapIoError ? 'MmapIoError' : error?.code === undefined ? 'other' : 'misuse']++
  const wrong = isNative ? nativeComplaint(error) : complaint(error, api, wrongThis)
  if (wrong !== undefined) fail(error, wrong)
  seen[title] ??= false
}

function accept(title, value) {
  counts.value++
  seen[title] = true
  if (isNative && typeof value?.kind === 'string' && /panick/.test(value.message)) fail(value.message, 'a panic')
  return value
}

/** One call, chosen by `random`. */
function chooseCall(random, values) {
  const { pick, chance } = random
  const target = chance(isNative ? 60 : 75) ? world.pick('object', random) : undefined
  const members = target === undefined ? [] : membersOf(target)
  if (members.length === 0) {
    const { title, name, call, owner, isClass } = pick(functions)
    const args = argumentsFor(isClass ? constructorOf(call) : name, random, values)
    const asClass = isClass && chance(80)
    const self = chance(90) ? owner : values.anything()
    return {
      title,
      args,
      wrongThis: self !== owner,
      isForeign: false,
      target: self,
      run: () => (asClass ? Reflect.construct(call, args) : Reflect.apply(call, self, args)),
    }
  }
  const member = pick(members)
  const title = `${member.className}.${String(member.key)}`
  const isForeign = member.className === 'foreign'
  const wrongThis = chance(5)
  const self = wrongThis ? (chance(50) ? world.pick('object', random) : values.anything()) : target
  const call = { title, isForeign, isInternal: !isForeign && !isNative && !isKnown(member.key), wrongThis, target: self, args: [] }
  if (member.get || member.set) {
    if (member.set === undefined || chance(70)) return { ...call, run: () => Reflect.apply(member.get, self, []) }
    const args = [values.anything()]
    return { ...call, args, run: () => Reflect.apply(member.set, self, args) }
  }
  if (typeof member.value !== 'function') return { ...call, run: () => target[member.key] }
  const args = argumentsFor(String(member.key), random, values)
  return { ...call, args, run: () => Reflect.apply(member.value, self, args) }
}

/** The name of the class whose constructor a class has. */
function constructorOf(type) {
  const parent = Object.getPrototypeOf(type)
  return isDeclared(type.name) || !parent.name ? type.name : constructorOf(parent)
}

function argumentsFor(name, { chance, pick, below }, values) {
  const names = pick(parametersOf(name))
  const most = chance(10) ? below(5) : chance(20) ? below(names.length + 1) : names.length
  return Array.from({ length: most }, (_, at) => (names[at] === undefined ? values.anything() : values.argument(names[at])))
}

function describe({ title, args, wrongThis }) {
  const options = { depth: 1, customInspect: false, maxStringLength: 30, maxArrayLength: 4, breakLength: Number.POSITIVE_INFINITY }
  const show = (value) => {
    try {
      return inspect(value, options)
    } catch {
      return 'what cannot be shown'
    }
  }
  return `${title}(${world.quietly(() => args.map(show).join(', ')).slice(0, 300)})${wrongThis ? ' on a wrong this' : ''}`
}

/** The bytes of a mapping that a refused call must not change; undefined where they may change by themselves, and where some are lost. */
function bytesOf(target) {
  if (isNative || pending.length > 0 || !world.mappings().includes(target)) return undefined
  if (target.closed || target.length > 20_000) return undefined
  try {
    return target.readBytes()
  } catch (error) {
    if (['Truncated', 'IoFault', 'LostWrites'].includes(error.kind)) return undefined
    throw error
  }
}

function makeCall(call) {
  const { title, run, wrongThis, isForeign, isInternal, target } = call
  const before = bytesOf(target)
  const traps = world.traps
  const { lies } = world
  const refuse = (error) => (isForeign || isInternal ? undefined : judge(title, error, wrongThis || lies !== world.lies))
  try {
    const value = run()
    if (isInternal) return types.isPromise(value) && value.catch(() => {})
    if (!types.isPromise(value)) return world.keep(accept(title, value))
    const ended = value.then((result) => accept(title, result), refuse)
    // What belongs to others, and what waits for an event, may never end.
    if (!isForeign && !title.endsWith('.next')) pending.push({ title, ended })
  } catch (error) {
    refuse(error)
    if (before === undefined || traps !== world.traps) return
    const after = bytesOf(target)
    if (after !== undefined && !before.equals(after)) fail(error, 'a refused call changed bytes')
  }
}

/** Waits for what was started. */
async function settle() {
  const timeout = setTimeout(() => fail(pending.map(({ title }) => title).join(', '), 'one of these promises is never settled'), 60_000)
  const results = await Promise.all(pending.map(({ ended }) => ended))
  clearTimeout(timeout)
  // In the order of the calls, whichever ended first: the same seed shall find the same objects.
  for (const result of results) world.keep(result)
  pending = []
}

/** Mistakes that this program must not miss. */
const planted = {
  signal: () => process.kill(process.pid, 'SIGSEGV'),
  error: () => makeCall({ title: 'planted', args: [], run: () => undefined.x }),
  rejection: () => makeCall({ title: 'planted', args: [], run: () => Promise.reject(new Error('planted')) }),
  store: () => world.spoil(),
}

async function step(number) {
  const random = randomFrom(`${given.seed} ${given.surface} ${number}`)
  if (number % 16 === 0 || world.mappings().length < 3) world.open(random)
  if (!api.capabilities.faultGuard) world.forgetStrays()
  const call = chooseCall(random, valuesFrom(random, world))
  writeSync(log, `${number} ${describe(call)}\n`)
  makeCall(call)
  if (random.chance(20)) world.useViews(random)
  if (api.capabilities.faultGuard && random.chance(2)) world.cut(random)
  if (random.chance(1)) globalThis.gc?.()
  if (random.chance(10) || pending.length > 8) await settle()
  else if (random.chance(20)) await turn()
}

async function main() {
  for (let number = first; number < first + calls; number++) await step(number)
  planted[process.env.FUZZ_PLANT]?.()
  await settle()
  writeSync(log, 'the end\n')
  const changed = world.changedWitness()
  if (changed) fail(new Error(changed), 'a file that is only mapped privately has changed')
  if (first % 2 === 0) world.closeAll()
  closeSync(log)
  console.log(JSON.stringify({ counts, traps: world.traps, seen }))
  process.exit(0)
}

// What is thrown here is a mistake of this program: traps must not make it look like one of theirs.
main().catch((error) => fail(error, 'the fuzzer itself failed'))
