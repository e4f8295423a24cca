package dev.densepose.mobile

/** Reads JSON to maps, lists, strings, doubles, booleans and nulls: enough for the vectors, and no dependency. */
internal class Json private constructor(private val text: String) {
    private var at = 0

    private fun value(): Any? {
        space()
        return when (text[at]) {
            '{' -> members()
            '[' -> elements()
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun members(): Map<String, Any?> {
        val result = LinkedHashMap<String, Any?>()
        at++
        while (next() != '}') {
            val name = string()
            check(next() == ':') { "a colon belongs at $at" }
            at++
            result[name] = value()
            if (next() == ',') at++
        }
        at++
        return result
    }

    private fun elements(): List<Any?> {
        val result = ArrayList<Any?>()
        at++
        while (next() != ']') {
            result.add(value())
            if (next() == ',') at++
        }
        at++
        return result
    }

    private fun string(): String {
        check(next() == '"') { "a string belongs at $at" }
        val end = text.indexOf('"', at + 1)
        val found = text.substring(at + 1, end)
        check('\\' !in found) { "the vectors have no escapes" }
        at = end + 1
        return found
    }

    private fun number(): Double {
        val start = at
        while (at < text.length && text[at] in "+-.0123456789eE") at++
        return text.substring(start, at).toDouble()
    }

    private fun word(word: String, value: Any?): Any? {
        check(text.startsWith(word, at)) { "$word belongs at $at" }
        at += word.length
        return value
    }

    private fun next(): Char {
        space()
        return text[at]
    }

    private fun space() {
        while (at < text.length && text[at].isWhitespace()) at++
    }

    companion object {
        fun parse(text: String): Any? = Json(text).value()
    }
}

/** A JSON object with typed access. */
internal class Node(private val members: Map<String, Any?>) {
    operator fun contains(name: String): Boolean = name in members

    fun isNull(name: String): Boolean = members.getValue(name) == null

    fun string(name: String): String = members.getValue(name) as String

    fun double(name: String): Double = members.getValue(name) as Double

    fun float(name: String): Float = double(name).toFloat()

    fun int(name: String): Int = double(name).toInt()

    fun node(name: String): Node = node(members.getValue(name))

    fun nodes(name: String): List<Node> = list(name).map { node(it) }

    fun doubles(name: String): List<Double> = list(name).map { it as Double }

    fun ints(name: String): List<Int> = doubles(name).map { it.toInt() }

    /** The values of a tensor, row-major. */
    fun floats(name: String): FloatArray {
        val values = node(name).list("values")
        return FloatArray(values.size) { (values[it] as Double).toFloat() }
    }

    fun tensorInts(name: String): IntArray {
        val values = node(name).list("values")
        return IntArray(values.size) { (values[it] as Double).toInt() }
    }

    fun shape(name: String): List<Int> = node(name).ints("shape")

    /** The rows of a tensor (N, 4). */
    fun boxes(name: String): List<Box> {
        val values = floats(name)
        return List(values.size / 4) { Box(values[it * 4], values[it * 4 + 1], values[it * 4 + 2], values[it * 4 + 3]) }
    }

    private fun list(name: String): List<Any?> = members.getValue(name) as List<*>

    companion object {
        @Suppress("UNCHECKED_CAST")
        fun node(value: Any?): Node = Node(value as Map<String, Any?>)

        fun parse(text: String): Node = node(Json.parse(text))
    }
}
