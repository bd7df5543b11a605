// How a program of a client talks with the test: facts go to stdout, a line on stdin lets it go on.
'use strict'

const readline = require('readline')

const FROM = '+15550100100'
const MUSIC = 'https://media.example/noise.wav'

const stdin = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const say = (step, facts = {}) => console.log(JSON.stringify({ step, ...facts }))

// Says something, and waits until the test has let time pass on the emulator's clock, or looked at the journal.
const step = async (name, facts) => {
  say(name, facts)
  await stdin.next()
}

// Returns a function that returns the next of some things, one after the other, and one that adds to them.
const queue = () => {
  const arrived = []
  const waiting = []
  const add = thing => waiting.length ? waiting.shift()(thing) : arrived.push(thing)
  const next = () => arrived.length ? arrived.shift() : new Promise(resolve => waiting.push(resolve))
  return [next, add]
}

// Returns a function that returns what is of interest in the next event of this name, one after the other.
const events = (call, name, fact = params => params.state) => {
  const [next, add] = queue()
  call.on(name, (_, params) => add(fact(params)))
  return next
}

// Calls a phone that answers.
const dial = async (client, number) => {
  const dialled = await client.calling.dial({ type: 'phone', from: FROM, to: number })
  return dialled.call
}

// Returns what every result has.
const outcome = result => ({ successful: result.successful, event: result.event ? result.event.name : null })

// The client keeps signal handlers and timers, so node would go on without an exit.
const leave = async client => {
  await client.disconnect()
  say('over')
  process.exit(0)
}

module.exports = { FROM, MUSIC, say, step, queue, events, dial, outcome, leave }
