import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.apache.kafka.common.config.ConfigDef;

/**
 * Says what Kafka's own definitions say of each property, one JSON object a line: brokers' (and controllers', which read the
 * same), topics', and the classes that Kafka brings for properties that name one. `invoke artifacts.lock` runs it with the
 * locked jars of a version.
 *
 * Everything is found by name at run time, since the definitions have moved: they were private members of Scala objects
 * in 2.5, and are Java since 3.8.
 */
public class Describe {
    private static final String[] BROKER = {
        "org.apache.kafka.server.config.AbstractKafkaConfig", "kafka.server.KafkaConfig$",
    };
    private static final String[] TOPIC = {
        "org.apache.kafka.storage.internals.log.LogConfig", "kafka.log.LogConfig$",
    };
    private static final String[] DYNAMIC = {
        "org.apache.kafka.server.config.DynamicBrokerConfig", "kafka.server.DynamicBrokerConfig$",
    };
    // Definitions that only a cluster with ZooKeeper uses, and that only one with KRaft uses.
    private static final String[] ZOOKEEPER = {"org.apache.kafka.server.config.ZkConfigs"};
    private static final String[] KRAFT = {"org.apache.kafka.server.config.KRaftConfigs", "org.apache.kafka.raft.KRaftConfigs"};
    private static final String[] QUORUM = {"org.apache.kafka.raft.QuorumConfig"};
    // What the classes that a property may name implement.
    private static final String[] PLUGINS = {
        "org.apache.kafka.common.security.auth.AuthenticateCallbackHandler",
        "org.apache.kafka.common.security.auth.KafkaPrincipalBuilder",
        "org.apache.kafka.common.security.auth.Login",
        "org.apache.kafka.common.security.auth.SslEngineFactory",
        "org.apache.kafka.server.authorizer.Authorizer",
        "org.apache.kafka.server.policy.AlterConfigPolicy",
        "org.apache.kafka.server.policy.CreateTopicPolicy",
        "org.apache.kafka.server.quota.ClientQuotaCallback",
        "org.apache.kafka.common.replica.ReplicaSelector",
        "org.apache.kafka.common.metrics.MetricsReporter",
    };

    public static void main(String[] arguments) throws Exception {
        Map<String, ?> zookeeper = keys(definition("zookeeper.set.acl", ZOOKEEPER));
        Map<String, ?> kraft = keys(definition("process.roles", KRAFT));
        Map<String, ?> quorum = keys(definition("controller.quorum.voters", QUORUM));
        Map<?, ?> modes = (Map<?, ?>) member(DYNAMIC, "dynamicConfigUpdateModes");
        ConfigDef brokers = definition("log.retention.ms", BROKER);
        boolean controllers = brokers.configKeys().containsKey("process.roles");
        for (ConfigDef.ConfigKey key : brokers.configKeys().values()) {
            Map<String, Object> found = described("broker", key);
            Object mode = modes == null ? null : modes.get(key.name);
            found.put("update", mode == null ? "read-only" : mode);
            found.put("controller", controllers && !zookeeper.containsKey(key.name));
            if (zookeeper.containsKey(key.name)) found.put("metadata", "ZooKeeper");
            if (kraft.containsKey(key.name) || quorum.containsKey(key.name)) found.put("metadata", "KRaft");
            System.out.println(json(found));
        }
        Map<?, ?> synonyms = synonyms();
        for (ConfigDef.ConfigKey key : definition("retention.ms", TOPIC).configKeys().values()) {
            Map<String, Object> found = described("topic", key);
            found.put("broker", synonyms.get(key.name));
            System.out.println(json(found));
        }
        Map<String, Object> classes = new TreeMap<>();
        classes.put("section", "classes");
        classes.put("classes", plugins());
        System.out.println(json(classes));
    }

    private static Map<String, Object> described(String section, ConfigDef.ConfigKey key) throws Exception {
        Map<String, Object> found = new TreeMap<>();
        found.put("section", section);
        found.put("name", key.name);
        found.put("type", key.type.toString());
        Object value = key.defaultValue;
        if (value == ConfigDef.NO_DEFAULT_VALUE) found.put("required", true);
        else if (key.type == ConfigDef.Type.PASSWORD || value == null) found.put("default", null);
        else found.put("default", ConfigDef.convertToString(value, key.type));
        if (key.internalConfig || key.name.startsWith("__")) found.put("internal", true);
        String words = key.documentation == null ? "" : key.documentation;
        if (words.matches("(?s)\\[?(DEPRECATED|Deprecated).*")) found.put("deprecated", true);
        restricted(key.validator, found);
        return found;
    }

    /** The values that a validator takes: their bounds, their list, or, of any other kind, its own words. */
    private static void restricted(ConfigDef.Validator validator, Map<String, Object> found) throws Exception {
        if (validator == null) return;
        String kind = validator.getClass().getSimpleName().replace("$", "");
        found.put("validator", kind);
        if (kind.equals("Range")) {
            found.put("min", read(validator, "min"));
            found.put("max", read(validator, "max"));
        } else if (kind.equals("ValidString") || kind.equals("ValidList")) {
            Object valid = read(validator, "validStrings");
            if (valid == null) valid = read(read(validator, "validString"), "validStrings");
            found.put("values", valid);
            if (Boolean.FALSE.equals(read(validator, "isEmptyAllowed"))) found.put("empty", false);
        } else if (kind.equals("CaseInsensitiveValidString")) {
            found.put("values", new ArrayList<>((Collection<?>) read(validator, "validStrings")));
        } else {
            found.put("takes", validator.toString());
        }
    }

    private static Map<?, ?> synonyms() throws Exception {
        Object java = member(new String[] {"org.apache.kafka.server.config.ServerTopicConfigSynonyms"}, "TOPIC_CONFIG_SYNONYMS");
        if (java != null) return (Map<?, ?>) java;
        Object scala = member(TOPIC, "TopicConfigSynonyms");
        Class<?> converters = Class.forName("scala.collection.JavaConverters");
        return (Map<?, ?>) converters.getMethod("mapAsJavaMap", Class.forName("scala.collection.Map")).invoke(null, scala);
    }

    /** The names of the classes in Kafka's own jars that a property may name. */
    private static List<String> plugins() throws Exception {
        List<Class<?>> kinds = new ArrayList<>();
        for (String name : PLUGINS) {
            Class<?> kind = loaded(name);
            if (kind != null) kinds.add(kind);
        }
        List<String> found = new ArrayList<>();
        for (String path : System.getProperty("java.class.path").split(java.io.File.pathSeparator)) {
            String file = path.substring(path.lastIndexOf('/') + 1);
            if (!file.matches("kafka[-_].*\\.jar")) continue;
            try (JarFile jar = new JarFile(path)) {
                for (JarEntry entry : java.util.Collections.list(jar.entries())) {
                    String name = entry.getName();
                    if (!name.endsWith(".class") || name.startsWith("META-INF") || name.contains("/shaded/")) continue;
                    Class<?> one = loaded(name.substring(0, name.length() - 6).replace('/', '.'));
                    if (one == null || !usable(one)) continue;
                    for (Class<?> kind : kinds) {
                        if (kind.isAssignableFrom(one) && !found.contains(one.getName())) found.add(one.getName());
                    }
                }
            }
        }
        java.util.Collections.sort(found);
        return found;
    }

    private static boolean usable(Class<?> one) {
        try {
            return Modifier.isPublic(one.getModifiers()) && !Modifier.isAbstract(one.getModifiers())
                && one.getConstructor() != null;
        } catch (NoSuchMethodException | LinkageError error) {
            return false;
        }
    }

    private static Class<?> loaded(String name) {
        try {
            return Class.forName(name, false, Describe.class.getClassLoader());
        } catch (ClassNotFoundException | LinkageError error) {
            return null;
        }
    }

    /** The definition with a property of this name that one of these classes holds; null where there is none. */
    private static ConfigDef definition(String name, String... classes) throws Exception {
        for (String each : classes) {
            Class<?> owner = loaded(each);
            if (owner == null) continue;
            Object instance = each.endsWith("$") ? owner.getField("MODULE$").get(null) : null;
            for (Field field : owner.getDeclaredFields()) {
                boolean fixed = Modifier.isStatic(field.getModifiers());
                if (!ConfigDef.class.isAssignableFrom(field.getType()) || (!fixed && instance == null)) continue;
                field.setAccessible(true);
                ConfigDef found = (ConfigDef) field.get(fixed ? null : instance);
                if (found != null && found.configKeys().containsKey(name)) return found;
            }
        }
        return null;
    }

    private static Map<String, ?> keys(ConfigDef definition) {
        return definition == null ? Map.of() : definition.configKeys();
    }

    /** A field or the result of a method without parameters, of the first of these classes that has it; else null. */
    private static Object member(String[] classes, String name) throws Exception {
        for (String each : classes) {
            Class<?> owner = loaded(each);
            if (owner == null) continue;
            Object instance = each.endsWith("$") ? owner.getField("MODULE$").get(null) : null;
            for (Method method : owner.getDeclaredMethods()) {
                if (!method.getName().equals(name) || method.getParameterCount() > 0) continue;
                method.setAccessible(true);
                return method.invoke(instance);
            }
            for (Field field : owner.getDeclaredFields()) {
                if (!field.getName().equals(name)) continue;
                field.setAccessible(true);
                return field.get(instance);
            }
        }
        return null;
    }

    private static Object read(Object owner, String name) throws Exception {
        try {
            Field field = owner.getClass().getDeclaredField(name);
            field.setAccessible(true);
            return field.get(owner);
        } catch (NoSuchFieldException error) {
            return null;
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
        for (char each : value.toString().toCharArray()) {
            if (each == '"' || each == '\\') out.append('\\').append(each);
            else if (each < ' ' || each > '~') out.append(String.format("\\u%04x", (int) each));
            else out.append(each);
        }
        return "\"" + out + "\"";
    }
}
