// What the declarations tell about arguments, so that a new method, option or value is tried as soon as it is declared.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../lib/run.mjs'

const text = readdirSync(root)
  .filter((name) => name.endsWith('.d.ts'))
  .map((name) => readFileSync(join(root, name), 'utf8').replace(/\/\*[\s\S]*?\*\//g, ''))
  .join('\n')

const unique = (pattern) => [...new Set([...text.matchAll(pattern)].map((match) => match[1]))]

/** Names of options. */
export const optionNames = unique(/(\w+)\?:/g)

/** Values of options and enums. */
export const words = unique(/'([\w-]+)'/g)

const names = new Set(unique(/\b(\w+)\??[(<:]/g))

/** Whether a member of this name is told to users. Protected ones are there as well and may refuse as they like. */
export const isKnown = (name) => typeof name === 'symbol' || names.has(name)

/** Lists of parameter names, by name of the function: functions of one name may differ. */
const parameters = new Map()
// A class is called by its own name.
const calls = text.replace(
  /class (\w+)[^}]*?\bconstructor\(/g,
  (declaration, name) => `${declaration.slice(0, -'constructor('.length)}${name}(`,
)
for (const [, name, list] of calls.matchAll(/(\w+)(?:<[^(]*>)?\(((?:[^()]|\([^()]*\))*)\)/g)) {
  const own = [...list.matchAll(/(?:^|,|\.\.\.)\s*(\w+)\??:/g)].map(([, parameter]) => parameter)
  parameters.set(name, [...(parameters.get(name) ?? []), own])
}

export const isDeclared = (name) => parameters.has(name)
export const parametersOf = (name) => parameters.get(name) ?? [[]]
