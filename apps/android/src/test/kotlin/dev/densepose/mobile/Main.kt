package dev.densepose.mobile

import java.io.File
import kotlin.system.exitProcess

/**
 * Holds the host steps against golden vectors: `java -jar host.jar FOLDER`.
 *
 * Prints one line a case, `ok STEP/NAME WORST` or `FAILED STEP/NAME WHAT`; WORST is the largest deviation of a float.
 * Exit code 1 when one fails, 2 when there are none or a file is of no known step.
 */
fun main(arguments: Array<String>) {
    val folder = File(arguments.singleOrNull() ?: usage("give the folder of the vectors"))
    val files = (folder.listFiles() ?: emptyArray()).filter { it.name.endsWith(".json") }.sortedBy { it.name }
    if (files.isEmpty()) usage("$folder holds no vectors")
    val passed = files.flatMap { run(Node.parse(it.readText())) }
    exitProcess(if (passed.all { it }) 0 else 1)
}

private fun run(file: Node): List<Boolean> {
    val step = file.string("step")
    val test = STEPS[step] ?: usage("there is no host step $step")
    return file.nodes("cases").map { case ->
        val name = "$step/${case.string("name")}"
        val check = Check(file.double("tolerance"), file.double("slack"))
        if ("expected" in case) {
            test(case.node("given"), case.node("expected"), check)
        } else {
            check.same("refused", true, refuses(step, case.node("given")))
        }
        println(if (check.faults.isEmpty()) "ok $name ${check.worst}" else "FAILED $name ${check.faults.take(3)}")
        check.faults.isEmpty()
    }
}

private fun usage(message: String): Nothing {
    System.err.println(message)
    exitProcess(2)
}
