// What every store must do. It names no database: each case gets a store of its own from `open`.
import { describe } from 'vitest';
import type { OpenStore } from './store-bench.ts';
import { accessRestartCases, capabilityCases, idleCases, onceCases } from './store-access.ts';
import { admissionCases } from './store-admission.ts';
import { alertCases } from './store-alerts.ts';
import { answerCases } from './store-answer.ts';
import { auditCases, auditRestartCases } from './store-audit.ts';
import { careCases, escalationRestartCases } from './store-escalation.ts';
import { logCases } from './store-log.ts';
import { memoryCases, memoryRestartCases } from './store-memory.ts';
import { outboxCases, outboxRestartCases } from './store-outbox.ts';
import { outboxRandomCases } from './store-outbox-random.ts';
import { ownershipCases, restartCases } from './store-ownership.ts';
import { sessionCases } from './store-sessions.ts';
import { turnCases } from './store-turns.ts';

/** `survives`: whether the data outlives the process, so that a restart finds it. */
export function storeConformance(name: string, open: OpenStore, { survives }: { survives: boolean }): void {
  describe(`store: ${name}`, () => {
    describe('sessions', () => sessionCases(open));
    describe('admission', () => admissionCases(open));
    describe('turns', () => turnCases(open));
    describe('memory', () => memoryCases(open));
    describe('care', () => careCases(open));
    describe('alerts', () => alertCases(open));
    describe('answer', () => answerCases(open));
    describe('audit', () => auditCases(open));
    describe('outbox', () => outboxCases(open));
    describe('outbox', () => outboxRandomCases(open));
    describe('log', () => logCases(open));
    describe('capabilities', () => capabilityCases(open));
    describe('kept once', () => onceCases(open));
    describe('idle', () => idleCases(open));
    describe('ownership', () => ownershipCases(open));
    if (survives) describe('restart', () => restartCases(open));
    if (survives) describe('capabilities after a restart', () => accessRestartCases(open));
    if (survives) describe('care after a restart', () => escalationRestartCases(open));
    if (survives) describe('audit after a restart', () => auditRestartCases(open));
    if (survives) describe('outbox after a restart', () => outboxRestartCases(open));
    if (survives) describe('memory after a restart', () => memoryRestartCases(open));
  });
}
