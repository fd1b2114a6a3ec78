// The default theme, with the colours of the site and tables that narrow screens can show.
import DefaultTheme from "vitepress/theme";
import "./style.css";

export default DefaultTheme;
