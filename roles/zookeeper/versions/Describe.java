import java.io.File;
import java.io.FileWriter;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import org.apache.zookeeper.server.quorum.QuorumPeerConfig;

/**
 * Says what a version of ZooKeeper reads from zoo.cfg, one JSON object a line. `invoke artifacts.lock` runs it with the locked
 * jars.
 *
 * ZooKeeper has no definitions to ask: its parser, QuorumPeerConfig, compares names, and what it does not know becomes the
 * system property zookeeper.NAME. So the names come from the constants of its classes, and each is tried: what the parser does
 * not pass on is its own, and the values that it refuses say the type and the range.
 */
public class Describe {
    private static final String PARSER = "org/apache/zookeeper/server/quorum/QuorumPeerConfig";
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9]*([._-][A-Za-z0-9]+)*");
    private static final Pattern CONSTANT = Pattern.compile("// String (\\S+)$");
    // Names that are not for people: what a server writes itself, and what has one name a server.
    private static final List<String> LEFT_OUT = List.of("version", "dynamicConfigFile");
    private static final Pattern READER = Pattern.compile(
        "java/lang/(Integer|Long|Boolean)\\.(getInteger|getLong|getBoolean|parseInt|parseLong|parseBoolean|valueOf)");
    private static final long[] NUMBERS = {
        -2, -1, 0, 1, 2, 3, 10, 100, 255, 1000, 65535, 65536, Integer.MAX_VALUE, Integer.MAX_VALUE + 1L, Long.MAX_VALUE,
    };

    public static void main(String[] arguments) throws Exception {
        File home = Files.createTempDirectory("describe").toFile();
        try {
            write(new File(home, "myid"), "1");
            Map<String, String> kinds = new TreeMap<>();
            TreeSet<String> foreign = new TreeSet<>();
            TreeSet<String> words = new TreeSet<>();
            read(kinds, foreign, words);
            TreeSet<String> own = new TreeSet<>();
            for (String word : words) {
                if (!LEFT_OUT.contains(word) && !word.contains("server.") && own(home, word)) own.add(word);
            }
            for (String name : own) System.out.println(json(probed(home, name, words)));
            for (Map.Entry<String, String> entry : kinds.entrySet()) {
                String name = entry.getKey().substring("zookeeper.".length());
                if (own.contains(name)) continue;
                Map<String, Object> found = new TreeMap<>();
                found.put("name", name);
                found.put("type", entry.getValue());
                found.put("system", true);
                System.out.println(json(found));
            }
            Map<String, Object> others = new TreeMap<>();
            others.put("elsewhere", foreign);
            System.out.println(json(others));
        } finally {
            for (File each : home.listFiles()) each.delete();
            home.delete();
        }
    }

    /** Whether the parser knows a name itself. */
    private static boolean own(File home, String name) throws Exception {
        for (String value : new String[] {"x", "1", "true"}) {
            String why = refused(home, name, value, null);
            if (why == null && System.getProperty("zookeeper." + name) != null) return false;
        }
        return true;
    }

    private static Map<String, Object> probed(File home, String name, Collection<String> words) throws Exception {
        Map<String, Object> found = new TreeMap<>();
        found.put("name", name);
        QuorumPeerConfig.setReconfigEnabled(false);
        QuorumPeerConfig.setStandaloneEnabled(true);
        Object start = given(name);
        if (start != null) found.put("default", String.valueOf(start));
        List<Long> taken = new ArrayList<>();
        for (long number : NUMBERS) if (refused(home, name, String.valueOf(number), null) == null) taken.add(number);
        boolean word = refused(home, name, "x", null) == null;
        Map<String, Object> yes = new TreeMap<>(), no = new TreeMap<>(), other = new TreeMap<>(), one = new TreeMap<>();
        boolean truth = refused(home, name, "true", yes) == null && refused(home, name, "false", no) == null;
        refused(home, name, "x", other);
        refused(home, name, "1", one);
        if (truth && !yes.equals(no) && (!word || other.equals(no) || other.equals(yes)) && (taken.isEmpty() || one.equals(no))) {
            found.put("type", "BOOLEAN");
        } else if (!word && !taken.isEmpty()) {
            found.put("type", taken.contains(Integer.MAX_VALUE + 1L) ? "LONG" : "INT");
            found.put("least", least(taken));
            found.put("most", taken.get(taken.size() - 1));
        } else {
            found.put("type", "STRING");
            List<String> values = new ArrayList<>();
            if (!word) for (String each : words) if (refused(home, name, each, null) == null) values.add(each);
            if (!values.isEmpty()) {
                found.put("values", values);
                found.put("open", refused(home, name, values.get(0).toUpperCase(), null) == null);
            }
        }
        return found;
    }

    /** The smallest number from which on all are taken, up to the largest: 0 means "not set" to some, which take -1. */
    private static long least(List<Long> taken) {
        long found = taken.get(taken.size() - 1);
        for (int at = NUMBERS.length - 1; at >= 0; at--) {
            if (NUMBERS[at] > found) continue;
            if (!taken.contains(NUMBERS[at])) break;
            found = NUMBERS[at];
        }
        return found;
    }

    /** What the parser starts with for a name, if a field is called like it or like its last part; else null. */
    private static Object given(String name) throws Exception {
        for (String each : new String[] {name, name.substring(name.lastIndexOf('.') + 1)}) {
            for (Field field : QuorumPeerConfig.class.getDeclaredFields()) {
                if (!field.getName().equals(each) || !field.getType().isPrimitive()) continue;
                field.setAccessible(true);
                return field.get(new QuorumPeerConfig());
            }
        }
        return null;
    }

    /** Why the parser refuses a value, null when it takes it. state: gets the fields of the parsed configuration. */
    private static String refused(File home, String name, String value, Map<String, Object> state) throws Exception {
        QuorumPeerConfig.setReconfigEnabled(false); // what one parse has set holds for the next
        QuorumPeerConfig.setStandaloneEnabled(true);
        Properties properties = new Properties();
        properties.setProperty("tickTime", "2000");
        properties.setProperty("initLimit", "5");
        properties.setProperty("syncLimit", "2");
        properties.setProperty("dataDir", home.getPath());
        properties.setProperty("clientPort", "2181");
        for (int id = 1; id <= 3; id++) properties.setProperty("server." + id, "127.0.0." + id + ":2888:3888");
        properties.setProperty(name, value);
        File file = new File(home, "zoo.cfg");
        try (FileWriter out = new FileWriter(file)) {
            properties.store(out, null);
        }
        QuorumPeerConfig config = new QuorumPeerConfig();
        clear();
        try {
            config.parse(file.getPath());
        } catch (Exception error) {
            return String.valueOf(error.getMessage());
        }
        if (state != null) {
            for (Field field : QuorumPeerConfig.class.getDeclaredFields()) {
                if (field.getType() != boolean.class) continue;
                field.setAccessible(true);
                state.put(field.getName(), field.get(config));
            }
        }
        return null;
    }

    private static void clear() {
        for (Object name : new ArrayList<>(System.getProperties().keySet())) {
            if (name.toString().startsWith("zookeeper.")) System.clearProperty(name.toString());
        }
    }

    /** The system properties that the classes read and their types, those without the prefix, and the parser's words. */
    private static void read(Map<String, String> kinds, TreeSet<String> foreign, TreeSet<String> words) throws Exception {
        ToolProvider javap = ToolProvider.findFirst("javap").orElseThrow();
        for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!path.substring(path.lastIndexOf('/') + 1).matches("zookeeper-\\d.*\\.jar")) continue;
            List<String> classes = new ArrayList<>(List.of("-c", "-p", "-cp", path));
            try (JarFile jar = new JarFile(path)) {
                for (JarEntry entry : java.util.Collections.list(jar.entries())) {
                    String name = entry.getName();
                    boolean server = name.matches("org/apache/zookeeper/(server|common|util|audit|jmx|metrics)/.*\\.class");
                    if (server && !name.matches(".*/(CLI|cli|admin/JettyAdmin)\\$.*")) {
                        classes.add(name.substring(0, name.length() - 6).replace('/', '.'));
                    }
                }
            }
            StringWriter text = new StringWriter();
            javap.run(new PrintWriter(text), new PrintWriter(new StringWriter()), classes.toArray(new String[0]));
            scanned(text.toString().split("\n"), kinds, foreign, words);
        }
        for (String each : new String[] {"ClientX509Util", "QuorumX509Util"}) secured(each, kinds);
    }

    private static void scanned(
        String[] lines, Map<String, String> kinds, TreeSet<String> foreign, TreeSet<String> words) {
        boolean parser = false;
        for (int at = 0; at < lines.length; at++) {
            if (lines[at].contains("class org.apache.zookeeper")) {
                parser = lines[at].contains(PARSER.replace('/', '.')) && !lines[at].contains("$");
            }
            Matcher constant = CONSTANT.matcher(lines[at]);
            if (!constant.find()) continue;
            String word = constant.group(1);
            if (parser && NAME.matcher(word).matches()) words.add(word);
            if (!NAME.matcher(word).matches()) continue;
            String next = String.join("\n", java.util.Arrays.asList(lines).subList(at + 1, Math.min(at + 5, lines.length)));
            boolean asked = next.matches("(?s).*(getProperty|getInteger|getLong|getBoolean).*");
            Matcher reader = READER.matcher(next);
            String kind = !reader.find() ? "STRING" : reader.group(1).equals("Integer") ? "INT" : reader.group(1).toUpperCase();
            if (word.startsWith("zookeeper.")) {
                if (asked || !kinds.containsKey(word)) kinds.merge(word, kind, (old, now) -> old.equals("STRING") ? now : old);
            } else if (asked && word.contains(".") && !word.matches("(java|os|user|javax|sun|line|file|log4j|jline)\\..*")) {
                foreign.add(word);
            }
        }
    }

    /** The names that X509Util puts together from a prefix. */
    private static void secured(String name, Map<String, String> kinds) throws Exception {
        Class<?> owner = Class.forName("org.apache.zookeeper.common." + name);
        Object one = owner.getConstructor().newInstance();
        for (Method method : owner.getMethods()) {
            boolean names = method.getName().matches("get.*Property") && method.getParameterCount() == 0;
            if (!names || method.getReturnType() != String.class) continue;
            String found = (String) method.invoke(one);
            boolean truth = method.getName().matches(".*(Enabled|Lookup|FipsMode)Property");
            boolean whole = method.getName().contains("Millis");
            kinds.put(found, truth ? "BOOLEAN" : whole ? "INT" : "STRING");
        }
    }

    private static void write(File file, String text) throws Exception {
        try (FileWriter out = new FileWriter(file)) {
            out.write(text);
        }
    }

    private static String json(Object value) {
        if (value == null || value instanceof Boolean || value instanceof Number) return String.valueOf(value);
        StringBuilder out = new StringBuilder();
        if (value instanceof Map) {
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                out.append(out.length() == 0 ? "" : ", ").append(json(entry.getKey())).append(": ").append(json(entry.getValue()));
            }
            return "{" + out + "}";
        }
        if (value instanceof Collection) {
            for (Object each : (Collection<?>) value) out.append(out.length() == 0 ? "" : ", ").append(json(each));
            return "[" + out + "]";
        }
        return "\"" + value.toString().replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }
}
